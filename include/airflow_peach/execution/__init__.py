"""How one task runs: environment, guard, sandbox, launcher. Processes; knows nothing of Airflow."""
