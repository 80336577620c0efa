from __future__ import annotations

import pytest

from airflow_peach.authoring.requirements import RequirementError, is_direct_reference, normalise_requirement


@pytest.mark.parametrize(
    ("text", "normalised"),
    [
        ("tensorflow==2.0.0-alpha0", "tensorflow==2.0.0-alpha0"),
        ("orjson==3.3.1", "orjson==3.3.1"),
        ("  pyarrow ", "pyarrow"),
        ("numpy >=1, <2", "numpy<2,>=1"),
        ("requests[socks] ; python_version < '3.9'", 'requests[socks]; python_version < "3.9"'),
        ("lib@git+https://git.example.org/lib@v1", "lib @ git+https://git.example.org/lib@v1"),
        ("lib @ https://example.org/lib.whl", "lib @ https://example.org/lib.whl"),
    ],
)
def test_a_requirement_is_normalised(text: str, normalised: str) -> None:
    assert normalise_requirement(text) == normalised
    assert normalise_requirement(normalised) == normalised


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "an empty requirement; name a package, such as orjson==3.3.1"),
        (
            "--index-url https://example.org/simple",
            (
                "'--index-url https://example.org/simple' is an option of pip, not a requirement; package indexes "
                "are set in the platform's file: ask its operator"
            ),
        ),
        (
            "-i x",
            (
                "'-i x' is an option of pip, not a requirement; package indexes are set in the platform's file: "
                "ask its operator"
            ),
        ),
        ("-r more.txt", "'-r more.txt' is an option of pip, not a requirement; list its requirements here"),
        ("-e .", "'-e .' is an option of pip, not a requirement; write name @ git+https://…"),
        ("--pre", "'--pre' is an option of pip, not a requirement; remove it"),
        ("./lib", "'./lib' is a path; publish the package, or refer to its repository: name @ git+https://…"),
        ("/srv/lib", "'/srv/lib' is a path; publish the package, or refer to its repository: name @ git+https://…"),
        (
            "lib @ file:///srv/lib",
            (
                "'lib @ file:///srv/lib' refers to a file, which is not there where the environment is built; refer "
                "to an address: name @ git+https://…"
            ),
        ),
        (
            "lib @ ../lib",
            (
                "'lib @ ../lib' refers to a file, which is not there where the environment is built; refer to an "
                "address: name @ git+https://…"
            ),
        ),
        (
            "numpy=1.2",
            (
                "'numpy=1.2' is not a requirement (PEP 508): expected semicolon (after name with no version "
                "specifier) or end; did you mean 'numpy==1.2'?"
            ),
        ),
        (
            "pip install numpy",
            (
                "'pip install numpy' is not a requirement (PEP 508): expected semicolon (after name with no version "
                "specifier) or end; leave out the command and list the packages only"
            ),
        ),
    ],
)
def test_what_is_no_requirement_says_what_to_write(text: str, message: str) -> None:
    with pytest.raises(RequirementError) as caught:
        normalise_requirement(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("numpy 1.2", "did you mean 'numpy==1.2'?"),
        ("git+https://git.example.org/lib", "write name @ git+https://git.example.org/lib"),
        ("numpy==1.2 # fast", "put the comment outside the quotes"),
        ("numpy==1.2\n--index-url x", "write it out, on one line, without it"),
        ("numpy==one", "write it as in orjson==3.3.1 or pyarrow>=10,<12"),
    ],
)
def test_common_slips_get_a_remedy(text: str, remedy: str) -> None:
    with pytest.raises(RequirementError) as caught:
        normalise_requirement(text)
    assert caught.value.remedy == remedy
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("line_break", ["\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\0"])
def test_an_address_brings_no_second_line_with_it(line_break: str) -> None:
    with pytest.raises(RequirementError, match=r"holds a line break .*; write it out, on one line") as caught:
        normalise_requirement(f"lib @ http://host/l.whl{line_break}-r=/etc/passwd")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("address", ["http://host/${UV_INDEX_PLATFORM0_PASSWORD}/l.whl", "git+https://$TOKEN@host/lib"])
def test_a_requirement_names_no_variable_of_the_platform(address: str) -> None:
    with pytest.raises(RequirementError, match=r"holds a '\$', which stands for a variable of the platform"):
        normalise_requirement(f"lib @ {address}")


def test_a_requirement_takes_no_next_line_away() -> None:
    with pytest.raises(RequirementError, match="holds a backslash"):
        normalise_requirement("lib @ http://host/l.whl\\")


def test_a_requirement_is_not_a_novel() -> None:
    with pytest.raises(RequirementError, match="1001 characters"):
        normalise_requirement("a" * 1001)


def test_direct_references_are_told_apart() -> None:
    assert is_direct_reference("lib @ git+https://git.example.org/lib")
    assert not is_direct_reference("lib==1")
