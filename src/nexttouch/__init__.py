"""nexttouch: from customer behaviour to the right next touch."""
