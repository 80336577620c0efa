"""The Tasks page in Airflow's web interface: plain ES modules and how they get to the browser."""
