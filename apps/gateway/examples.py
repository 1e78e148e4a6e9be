"""One whole answer of each native route of this part, as the specification shows it; values are invented."""

RECONCILIATION = (
    '{"account":"DU1234567","books_match":false,"checked_at":"2026-03-11T15:30:00.000000Z",'
    '"data":[{"uuid":"0195f3b7-0000-7000-8000-000000000001","kind":"external_order","age_s":42,'
    '"detail":"SELL 5 MSFT placed outside of us","actions":[]}]}'
)

RECOVERY = (
    '{"uuid":"0195f3b8-0000-7000-8000-000000000001","gap_from":"2026-03-11T03:45:10.000000Z",'
    '"gap_to":"2026-03-11T03:47:02.000000Z","cause":"IB Gateway closed the connection",'
    '"orders_rematched":3,"fills_recovered":["0000e0d5.69b0aaaa.01.01"],"subscriptions_restored":7,'
    '"differences_left":0,"ready_at":"2026-03-11T03:47:05.000000Z"}'
)

RECOVERIES = f'{{"data":[{RECOVERY}],"next_cursor":null}}'
