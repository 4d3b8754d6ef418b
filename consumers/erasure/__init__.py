"""One incident taken out of everything that holds it, with proof of what is left and until when."""
