"""When it runs: DAG factory, bundle, operators, run-state listener. Airflow; thin."""
