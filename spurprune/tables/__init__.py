"""Tables for readers: what the kinds of tables in ``kinds`` share."""
