"""Ways to tell: each takes one parcel to one address and says what became of it."""
