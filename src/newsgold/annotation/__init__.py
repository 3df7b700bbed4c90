"""How gold is made: the bridge to Label Studio, agreement, adjudication."""
