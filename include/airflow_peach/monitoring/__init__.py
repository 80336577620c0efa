"""What happened: queries on Airflow's metadata, read only."""
