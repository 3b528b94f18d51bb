"""Plain Python that the notebooks import: no Spark session, no widgets, so that it can be tested anywhere."""
