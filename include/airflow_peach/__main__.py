"""``python -m airflow_peach``: the same as ``peach``."""

from airflow_peach.cli.main import main

if __name__ == "__main__":
    main()
