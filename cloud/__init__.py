"""The aggregator: takes in what gateways send, keeps it, looks for what is wrong, shows it."""
