"""Everything on this machine, nothing else needed: example repositories, Airflow, loops running."""
