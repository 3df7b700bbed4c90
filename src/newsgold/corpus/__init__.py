"""The dataset: its types, its files, its checks and its release."""
