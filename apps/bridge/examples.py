"""One whole answer of each route, as the specification shows it; values are invented."""

HEALTH = (
    '{"status":"healthy","connected":true,"version":"1.0.0","market_data_mode":"delayed",'
    '"paper_trading":true,"mode":"paper","mode_proof":"proven","phase":"READY",'
    '"trading_state":"ACTIVE","reasons":[],"next_attempt_at":null,"simulator":true}'
)

CONNECT = '{"success":true,"message":"Connected to IB Gateway at 127.0.0.1:4002","phase":"READY"}'

DISCONNECT = '{"success":true,"message":"Disconnected from IB Gateway","phase":"STOPPED"}'

QUOTE = (
    '{"symbol":"AAPL","price":227.43,"bid":227.42,"ask":227.44,"bid_size":300,"ask_size":500,'
    '"volume":18230411,"timestamp":"2026-03-11T15:30:04.120000Z","exchange":"SMART","last":227.43,'
    '"open":225.9,"high":228.1,"low":225.31,"close":226.05,"change":1.38,"change_percent":0.6105,'
    '"price_source":"last","market_data_type":"live","delay_seconds":0,'
    '"provider_timestamp":"2026-03-11T15:30:04.120000Z","received_at":"2026-03-11T15:30:04.201337Z",'
    '"age_ms":240,"stale":false,"session":"regular","tradeable":true,"tradeable_reasons":[],'
    '"ib_con_id":265598}'
)

CANDLES = (
    '{"symbol":"AAPL","candles":[{"timestamp":"2026-03-10T00:00:00Z","open":224.1,"high":226.6,'
    '"low":223.8,"close":226.05,"volume":41200317,"vwap":225.44,"time":"2026-03-10T00:00:00Z",'
    '"session_date":"2026-03-10","session_start":"2026-03-10T13:30:00.000000Z","final":true}],'
    '"count":1,"timeframe":"1D","market_data_type":"live","as_of":"2026-03-11T15:30:05.000000Z"}'
)

PLACE = '{"symbol":"AAPL","action":"BUY","quantity":10,"order_type":"LMT","limit_price":227.4}'

PLACED = (
    '{"success":true,"order_id":1042,"message":"Order accepted","status":"ApiPending",'
    '"uuid":"0195f3a2-7c1e-7b7a-9a55-2f6c3c1f0d11","account":"DU1234567",'
    '"client_order_id":"auto-0195f3a27c1e","ib_order_ref":"jb:4ZORRKUAQGZFDLL6KIQZGWUQXT",'
    '"ib_order_id":null,"ib_perm_id":null,"our_status":"ACCEPTED","broker_status":null,'
    '"reason_codes":[],"ib_error_code":null,"ib_error_text":null,"unresolved":false,"external":false,'
    '"cancel_requested":false,"quantity_exact":"10","filled_exact":"0",'
    '"warnings":["client_order_id was generated; send your own to make retries safe"]}'
)

ORDERS = (
    '{"orders":[{"order_id":1042,"symbol":"AAPL","action":"BUY","order_type":"LMT","quantity":10,'
    '"limit_price":227.4,"stop_price":null,"status":"Submitted","filled_qty":4,"remaining_qty":6,'
    '"avg_fill_price":227.4,"source":"broker","can_cancel":true,"parent_id":null,'
    '"order_ref":"manual-entry","created_at":"2026-03-11T15:30:06.000000Z",'
    '"updated_at":"2026-03-11T15:30:08.412000Z","uuid":"0195f3a2-7c1e-7b7a-9a55-2f6c3c1f0d11",'
    '"account":"DU1234567","client_order_id":"auto-0195f3a27c1e",'
    '"ib_order_ref":"jb:4ZORRKUAQGZFDLL6KIQZGWUQXT","ib_order_id":57,"ib_perm_id":1873204411,'
    '"our_status":"PARTIALLY_FILLED","broker_status":"Submitted","reason_codes":[],'
    '"ib_error_code":null,"ib_error_text":null,"unresolved":false,"external":false,'
    '"cancel_requested":false,"quantity_exact":"10","filled_exact":"4","warnings":[]}],"count":1}'
)

PLACE_BRACKET = (
    '{"symbol":"AAPL","action":"BUY","quantity":10,"entry_order_type":"LMT","entry_limit_price":227.4,'
    '"stop_loss":221,"take_profit":240}'
)

BRACKET = (
    '{"success":true,"parent_order_id":1050,"child_order_ids":[1051,1052],'
    '"message":"Bracket accepted for AAPL","group_uuid":"0195f3a8-11aa-7c02-8d3e-5b0f6f0a9c77"}'
)

POSITIONS = (
    '{"positions":[{"symbol":"AAPL","contract_id":265598,"quantity":10,"avg_cost":227.398,'
    '"market_price":227.43,"market_value":2274.3,"unrealized_pnl":0.32,"realized_pnl":0,'
    '"account":"DU1234567","quantity_exact":"10","sec_type":"STK","local_symbol":"AAPL",'
    '"currency":"USD","daily_pnl":0.32,"open_order_quantity":0,"price_source":"live",'
    '"as_of":"2026-03-11T15:30:10.000000Z","stale":false}],"count":1}'
)

PROTECTED = (
    '{"success":true,"order_ids":[1061,1062],"cancelled_order_ids":[1052],'
    '"message":"Protection accepted for AAPL"}'
)

ACCOUNT = (
    '{"account_id":"DU1234567","net_liquidation":100012.4,"total_cash":97738.1,"buying_power":390952.4,'
    '"equity_with_loan":100012.4,"currency":"USD","mode":"paper","daily_pnl":12.4,'
    '"available_funds":97738.1,"excess_liquidity":97738.1,"as_of":"2026-03-11T15:30:10.000000Z",'
    '"stale":false,"accounts":["DU1234567"]}'
)

EXECUTOR_ACCOUNT = (
    '{"success":true,"account":{"net_liquidation":100012.4,"buying_power":390952.4,"currency":"USD"}}'
)

EXECUTOR_STATUS = (
    '{"success":true,"status":{"order_id":1070,"status":"Cancelled","filled_qty":0,"avg_fill_price":0,'
    '"raw_status":"Inactive","our_status":"REJECTED","ib_error_code":201}}'
)

EXECUTOR_POSITIONS = '{"success":true,"positions":[{"symbol":"AAPL","quantity":10}]}'

ORDER_STATE = (
    '{"order_id":1042,"status":"Filled","filled_qty":10,"avg_fill_price":227.398,'
    '"last_update":"2026-03-11T15:30:09.020000Z","uuid":"0195f3a2-7c1e-7b7a-9a55-2f6c3c1f0d11",'
    '"account":"DU1234567","client_order_id":"auto-0195f3a27c1e",'
    '"ib_order_ref":"jb:4ZORRKUAQGZFDLL6KIQZGWUQXT","ib_order_id":57,"ib_perm_id":1873204411,'
    '"our_status":"FILLED","broker_status":"Filled","reason_codes":[],"ib_error_code":null,'
    '"ib_error_text":null,"unresolved":false,"external":false,"cancel_requested":false,'
    '"quantity_exact":"10","filled_exact":"10","warnings":[]}'
)

CANCELLED = (
    '{"success":true,"order_id":1042,"status":"PendingCancel",'
    '"message":"Cancel requested for order 1042","uuid":"0195f3a2-7c1e-7b7a-9a55-2f6c3c1f0d11",'
    '"account":"DU1234567","client_order_id":"auto-0195f3a27c1e",'
    '"ib_order_ref":"jb:4ZORRKUAQGZFDLL6KIQZGWUQXT","ib_order_id":57,"ib_perm_id":1873204411,'
    '"our_status":"PENDING_CANCEL","broker_status":"Submitted","reason_codes":[],"ib_error_code":null,'
    '"ib_error_text":null,"unresolved":false,"external":false,"cancel_requested":true,'
    '"quantity_exact":"10","filled_exact":"4","warnings":[]}'
)

CLOSED = (
    '{"success":true,"order_id":1060,"message":"Close order accepted for AAPL","status":"ApiPending",'
    '"uuid":"0195f3a2-7c1e-7b7a-9a55-2f6c3c1f0d11","account":"DU1234567",'
    '"client_order_id":"auto-0195f3a27c1e","ib_order_ref":"jb:4ZORRKUAQGZFDLL6KIQZGWUQXT",'
    '"ib_order_id":null,"ib_perm_id":null,"our_status":"ACCEPTED","broker_status":null,'
    '"reason_codes":[],"ib_error_code":null,"ib_error_text":null,"unresolved":false,"external":false,'
    '"cancel_requested":false,"quantity_exact":"5","filled_exact":"0",'
    '"warnings":["client_order_id was generated; send your own to make retries safe"]}'
)
