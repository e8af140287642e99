"""Official layouts, one module per dataset, each with a `LAYOUT`."""
