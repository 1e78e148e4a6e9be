"""The texts of errors in another language: a client that reads texts instead of codes is found out."""

from __future__ import annotations

_TEXTS = {
    100: "Die maximale Anzahl von Nachrichten pro Sekunde wurde überschritten.",
    103: "Doppelte Auftrags-ID",
    104: "Ein ausgeführter Auftrag kann nicht geändert werden.",
    105: "Der geänderte Auftrag stimmt nicht mit dem ursprünglichen überein.",
    110: "Der Preis entspricht nicht der für diesen Kontrakt zulässigen Mindestpreisschwankung.",
    162: "Fehlermeldung des Dienstes für historische Marktdaten:Für diese Anfrage gibt es keine Daten",
    200: "Für die Anfrage wurde keine Wertpapierdefinition gefunden",
    201: "Auftrag abgelehnt - Grund:Verfügbare Mittel genügen nicht für die Sicherheitsleistung",
    202: "Auftrag storniert - Grund:",
    321: "Fehler bei der Überprüfung der Anfrage",
    326: "Verbindung nicht möglich, da die Client-ID bereits verwendet wird.",
    354: "Die angeforderten Marktdaten wurden nicht abonniert.",
    399: "Auftragsmitteilung:\nWarnung: Ihr Auftrag wird erst bei Eröffnung der Börse übermittelt.",
    404: "Der Auftrag wird zurückgehalten, während wir nach leihbaren Aktien suchen.",
    1100: "Die Verbindung zwischen IB und der Trader Workstation wurde unterbrochen.",
    1101: "Die Verbindung zwischen IB und der Trader Workstation wurde wiederhergestellt - Daten verloren.",
    1102: "Die Verbindung zwischen IB und der Trader Workstation wurde wiederhergestellt - Daten erhalten.",
    2103: "Verbindung zur Marktdatenfarm ist unterbrochen:usfarm",
    2104: "Verbindung zur Marktdatenfarm ist in Ordnung für:usfarm",
    2105: "Verbindung zur HMDS-Datenfarm ist unterbrochen:ushmds",
    2106: "Verbindung zur HMDS-Datenfarm ist in Ordnung für:ushmds",
    2158: "Verbindung zur Sec-def-Datenfarm ist in Ordnung für:secdefnj",
    10147: "Der zu stornierende Auftrag wurde nicht gefunden.",
    10148: "Der Auftrag kann nicht storniert werden, da er bereits ausgeführt wurde.",
    10197: "Keine Marktdaten während einer gleichzeitigen Live-Sitzung für diesen Zugang",
    10349: "Die Gültigkeit des Auftrags wurde gemäß Voreinstellung auf DAY gesetzt.",
}


def in_german(code: int, text: str) -> str:
    """Return the text of an error in German; what is not ASCII is spelled `\\uXXXX`, as the gateway does."""
    found = _TEXTS.get(code, f"Fehlermeldung für Nummer {code}: {text}")
    return "".join(one if one.isascii() else f"\\u{ord(one):04x}" for one in found)
