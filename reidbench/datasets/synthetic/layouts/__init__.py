"""Writers of official layouts, one file a dataset; each offers a `LAYOUT`."""
