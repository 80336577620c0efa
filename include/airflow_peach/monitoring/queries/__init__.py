"""Small SQL queries on Airflow's metadata, read only: each bounded, each by an index."""
