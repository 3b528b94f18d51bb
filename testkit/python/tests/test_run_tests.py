"""`run_tests`: mostly in a Python process of its own, as a notebook has one."""

import os
import subprocess
import sys

import pytest
from conftest import SOURCES
from notebook_releases_testkit import LoggingFailed, TestsFailed, run_tests


@pytest.fixture
def notebook(tmp_path):
    """Runs lines of Python in a folder `nb`, beside a folder `unit` with tests."""
    (tmp_path / "nb").mkdir()
    (tmp_path / "unit").mkdir()

    def run(code, **environment):
        variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
        script = tmp_path.with_suffix(".py")
        script.write_text(f"from notebook_releases_testkit import *\n{code}")
        return subprocess.run(
            [sys.executable, str(script)],
            cwd=tmp_path / "nb",
            env={**variables, "PYTHONPATH": str(SOURCES), "PYTHONDONTWRITEBYTECODE": "", **environment},
            capture_output=True,
            text=True,
            timeout=120,
        )

    run.folder = tmp_path
    return run


def write(folder, name, text):
    (folder / "unit" / name).write_text(text)


@pytest.fixture
def in_notebook_folder(notebook, monkeypatch):
    """The working directory of this process, for tests that would otherwise wait for MLflow's import."""
    monkeypatch.chdir(notebook.folder / "nb")
    return notebook.folder


def test_passing_tests_are_logged_and_the_tracker_comes_back(in_notebook_folder, client, run_id):
    write(in_notebook_folder, "test_a.py", "def test_one(): pass\n")
    tracker = run_tests("../unit", run_id=run_id, test_suite_name="unit", client=client)
    assert tracker.all_tests_passed() and [run.name for run in tracker.test_runs] == ["test_one"]
    run = client.get_run(run_id)
    assert run.data.params == {"unit_test_one": "passed", "unit_AllTestsPassed": "true"}
    assert run.info.status == "RUNNING"


def test_a_failure_is_raised_with_the_names_after_it_was_logged(
    in_notebook_folder, client, run_id, monkeypatch
):
    write(in_notebook_folder, "test_a.py", "def test_one(): pass\ndef test_two(): assert 1 == 2\n")
    monkeypatch.setenv("MLFLOW_RUN_ID", run_id)
    with pytest.raises(TestsFailed) as raised:
        run_tests("../unit", test_suite_name="u", client=client)
    expected = "1 of 2 tests failed in ../unit:\n  test_two: AssertionError: assert 1 == 2"
    assert str(raised.value) == expected
    assert client.get_run(run_id).data.params["u_test_two"] == "Failed"


def test_results_that_cannot_be_logged_are_an_error_although_all_passed(in_notebook_folder, client):
    write(in_notebook_folder, "test_a.py", "def test_one(): pass\n")
    with pytest.raises(LoggingFailed, match=f"could not be logged to MLflow run {'0' * 32}"):
        run_tests("../unit", run_id="0" * 32, client=client)


def test_it_leaves_nothing_beside_the_tests(notebook):
    write(notebook.folder, "conftest.py", "")
    write(notebook.folder, "helper.py", "")
    write(notebook.folder, "test_a.py", "def test_one(): pass\n")
    done = notebook("import sys\nrun_tests('../unit')\nprint(sys.dont_write_bytecode)")
    assert done.stdout.endswith("False\n"), done.stdout + done.stderr
    files = sorted(str(path.relative_to(notebook.folder)) for path in notebook.folder.rglob("*"))
    assert files == ["nb", "unit", "unit/conftest.py", "unit/helper.py", "unit/test_a.py"]


def test_the_second_run_in_one_interpreter_sees_edited_files(notebook):
    """The same size within the same second: neither a cached module nor cached bytecode may be used."""
    write(notebook.folder, "conftest.py", "import pytest\n@pytest.fixture\ndef n(): return 1\n")
    write(notebook.folder, "test_a.py", "def test_one(n): assert n == 1\n")
    done = notebook(
        "import pathlib\n"
        "run_tests('../unit')\n"
        "pathlib.Path('../unit/conftest.py').write_text('import pytest\\n@pytest.fixture\\ndef n(): return 2\\n')\n"
        "pathlib.Path('../unit/test_a.py').write_text('def test_one(n): assert n == 2\\n')\n"
        "run_tests('../unit')\n"
        "pathlib.Path('../unit/test_a.py').write_text('def test_one(n): assert n == 3\\n')\n"
        "try: run_tests('../unit')\n"
        "except TestsFailed as e: print('failed as it should:', [r.name for r in e.tracker.failed_tests()])\n"
    )
    assert done.stdout.endswith("failed as it should: ['test_one']\n"), done.stdout + done.stderr


def test_several_paths_and_more_arguments(notebook):
    write(notebook.folder, "test_a.py", "def test_one(): pass\ndef test_two(): assert False\n")
    write(notebook.folder, "test_b.py", "def test_three(): pass\n")
    done = notebook(
        "t = run_tests(['../unit/test_a.py', '../unit/test_b.py'], arguments=['-k', 'not two'])\n"
        "print([r.name for r in t.test_runs], t.test_suite_name)"
    )
    assert "['test_one', 'test_three'] test_a_" in done.stdout, done.stdout + done.stderr


def test_notebooks_in_the_folder_are_left_out(notebook):
    write(
        notebook.folder,
        "test_notebook.py",
        "# Databricks notebook source\nraise SystemExit('the notebook ran')\n",
    )
    write(notebook.folder, "test_a.py", "def test_one(): pass\n")
    done = notebook("print(len(run_tests('../unit').test_runs))")
    assert done.stdout.endswith("1\n"), done.stdout + done.stderr


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("run_tests('../unit')", "NoTestsFound: pytest found no tests in ../unit"),
        ("run_tests('../other')", "NoTestsFound: there is no "),
        ("run_tests([])", "NoTestsFound: run_tests was given no path"),
        ("run_tests('../unit', arguments=['--no-such'])", "TestsFailed: pytest ended with USAGE_ERROR"),
    ],
)
def test_nothing_to_run_is_an_error(notebook, call, message):
    done = notebook(call)
    assert done.returncode == 1 and message in done.stderr, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("import no_such_module\n", "test_a.py"),
        ("def test_one(): raise KeyboardInterrupt\n", "INTERRUPTED"),
        ("import pytest\ndef test_one(): pytest.exit('enough')\n", "INTERRUPTED"),
    ],
)
def test_a_suite_that_does_not_come_to_its_end_fails(notebook, text, name):
    (notebook.folder / "unit" / "test_a.py").write_text(text)
    done = notebook("run_tests('../unit')")
    assert done.returncode == 1 and "TestsFailed" in done.stderr and name in done.stderr, (
        done.stdout + done.stderr
    )
