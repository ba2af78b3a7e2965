"""The operator's side: what a person starts by hand, and what it tells them."""
