"""Time series: numbers by series and time. Strings and passages go to the ledger, numbers come here."""
