"""Queries of the order path, compiled once: Django writes the SQL, we keep it and fill in the values.

Compiling a query costs Django ten times what the database needs to answer it, and an order meets
dozens. What is kept is exactly the SQL that the queryset would run, on either database, and rows
become the same objects. Slots stand where values differ from call to call; whatever else a
condition says (statuses, clocks, joins) is part of the kept text. Queries whose shape depends on
their values, such as `in` over a list, stay ordinary querysets, and a number that fits into a
small column is no slot.
"""

import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Generic, TypeVar

from django.db import DatabaseError, connection, models, transaction
from django.db.models.query import FlatValuesListIterable, ModelIterable, get_related_populators
from django.db.models.sql import UpdateQuery

Row = TypeVar("Row")
Instance = TypeVar("Instance", bound=models.Model)


class Json:
    """The kind of a slot whose value goes into a JSON column."""


@dataclass(frozen=True, slots=True)
class _Statement:
    """Kept SQL; `fills` leads from each place to a constant or to the slot with its adapter."""

    sql: str
    fills: tuple[Callable[[Sequence[Any]], Any], ...]
    make: Callable[[Iterable[Any]], list[Any]] = list
    locks: bool = False

    def execute(self, cursor: Any, values: Sequence[Any]) -> None:
        if self.locks and not connection.in_atomic_block:
            raise transaction.TransactionManagementError("A row lock needs a transaction")
        cursor.execute(self.sql, tuple(fill(values) for fill in self.fills))


class Prepared(Generic[Row]):
    """A SELECT compiled at its first use in a process; the values come in the order of the slots."""

    def __init__(
        self, build: Callable[..., models.QuerySet[Any, Row]], *kinds: type, share_lock: bool = False
    ) -> None:
        self._build, self._kinds, self._share_lock = build, kinds, share_lock
        self._kept: dict[str, _Statement] = {}

    def rows(self, *values: Any) -> list[Row]:
        """Return what the queryset returns for these values."""
        statement = self._kept.get(connection.vendor) or self._keep()
        with connection.cursor() as cursor:
            statement.execute(cursor, values)
            return statement.make(cursor.fetchall())

    def first(self, *values: Any) -> Row | None:
        """Return the first row, None if there is none."""
        found = self.rows(*values)
        return found[0] if found else None

    def _keep(self) -> _Statement:
        samples = _samples(self._kinds)
        queryset = self._build(*samples)
        query = queryset.query
        compiler = query.get_compiler(connection=connection)
        sql, params = compiler.as_sql()
        locks = query.select_for_update or self._share_lock
        if self._share_lock and connection.vendor == "postgresql":
            sql += f" FOR SHARE OF {connection.ops.quote_name(query.get_meta().db_table)}"
        fills = _fills(params, samples, self._kinds)
        statement = _Statement(sql, fills, _maker(queryset, compiler), locks=locks)
        self._kept[connection.vendor] = statement
        return statement


class PreparedUpdate:
    """An UPDATE compiled at its first use; `build` returns the rows to change and their new values."""

    def __init__(
        self,
        build: Callable[..., tuple[models.QuerySet[Any], dict[str, Any]]],
        *kinds: type,
        returning: Sequence[str] = (),
    ) -> None:
        self._build, self._kinds, self._returning = build, kinds, returning
        self._kept: dict[str, _Statement] = {}

    def __call__(self, *values: Any) -> int:
        """Change the rows and return how many."""
        statement = self._kept.get(connection.vendor) or self._keep()
        with connection.cursor() as cursor:
            statement.execute(cursor, values)
            return int(cursor.rowcount)

    def returned(self, *values: Any) -> list[tuple[Any, ...]]:
        """Change the rows and return of each what `returning` names, as it is afterwards."""
        statement = self._kept.get(connection.vendor) or self._keep()
        with connection.cursor() as cursor:
            statement.execute(cursor, values)
            return statement.make(cursor.fetchall())

    def _keep(self) -> _Statement:
        samples = _samples(self._kinds)
        queryset, changes = self._build(*samples)
        query: Any = queryset.query.chain(UpdateQuery)
        query.add_update_values(changes)
        query.clear_ordering(force=True)
        compiler = query.get_compiler(connection=connection)
        sql, params = compiler.as_sql()
        make: Callable[[Iterable[Any]], list[Any]] = list
        if self._returning:
            columns = [query.get_meta().get_field(name).get_col("") for name in self._returning]
            quoted = ", ".join(connection.ops.quote_name(one.target.column) for one in columns)
            sql, make = f"{sql} RETURNING {quoted}", _tuples(compiler, columns)
        statement = _Statement(sql, _fills(params, samples, self._kinds), make)
        self._kept[connection.vendor] = statement
        return statement


_inserts: dict[tuple[str, type[models.Model]], str] = {}
_updates: dict[tuple[str, type[models.Model], tuple[str, ...]], str] = {}


def insert(instance: Instance) -> Instance:
    """Insert a new row as `save` would and set its id; nobody here listens to signals."""
    meta: Any = instance._meta
    fields = [field for field in meta.local_concrete_fields if not field.primary_key]
    key = (connection.vendor, type(instance))
    sql = _inserts.get(key)
    if sql is None:
        quoted = connection.ops.quote_name
        columns = ", ".join(quoted(field.column) for field in fields)
        marks = ", ".join(["%s"] * len(fields))
        sql = f"INSERT INTO {quoted(meta.db_table)} ({columns}) VALUES ({marks})"  # noqa: S608  names of ours
        sql += f" RETURNING {quoted(meta.pk.column)}"
        _inserts[key] = sql
    values = [field.get_db_prep_save(field.pre_save(instance, add=True), connection) for field in fields]
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        ((instance.pk,),) = cursor.fetchall()
    instance._state.adding, instance._state.db = False, connection.alias
    return instance


def update_row(instance: models.Model, names: Iterable[str]) -> None:
    """Write these fields of a row, as `save(update_fields=…)` does. Raises DatabaseError if it is gone."""
    wanted = tuple(names)
    meta: Any = instance._meta
    fields = [meta.get_field(name) for name in wanted]
    key = (connection.vendor, type(instance), wanted)
    sql = _updates.get(key)
    if sql is None:
        quoted = connection.ops.quote_name
        changes = ", ".join(f"{quoted(field.column)} = %s" for field in fields)
        sql = f"UPDATE {quoted(meta.db_table)} SET {changes}"  # noqa: S608  names of ours
        sql += f" WHERE {quoted(meta.pk.column)} = %s"
        _updates[key] = sql
    values = [field.get_db_prep_save(field.pre_save(instance, add=False), connection) for field in fields]
    with connection.cursor() as cursor:
        cursor.execute(sql, [*values, instance.pk])
        if cursor.rowcount != 1:
            raise DatabaseError("The row to update is gone")


def _samples(kinds: Sequence[type]) -> list[Any]:
    """Return one value of each kind that nothing else in a query equals."""
    return [_sample(kind, number) for number, kind in enumerate(kinds)]


def _sample(kind: type, number: int) -> Any:
    if kind is int:
        return 1_902_345_671 + number
    if kind is Decimal:
        return Decimal(1_802_345_671 + number)
    if kind is datetime:
        return datetime(1901, 2, 3, 4, 5, 6, 789_012, tzinfo=UTC) + timedelta(seconds=number)
    return f"slot {number} of a prepared statement"


def _fills(
    params: Sequence[Any], samples: Sequence[Any], kinds: Sequence[type]
) -> tuple[Callable[[Sequence[Any]], Any], ...]:
    """Return for each parameter where it comes from. Raises LookupError for a slot that is nowhere."""
    adapted = [(_adapter(kind)(sample), kind) for sample, kind in zip(samples, kinds, strict=True)]
    used: set[int] = set()
    fills: list[Callable[[Sequence[Any]], Any]] = []
    for param in params:
        slot = next((n for n, (sample, kind) in enumerate(adapted) if _is_same(param, sample, kind)), None)
        if slot is None:
            fills.append(_constant(param))
            continue
        used.add(slot)
        fills.append(_slot(slot, kinds[slot]))
    if len(used) != len(samples):
        raise LookupError(f"slots {set(range(len(samples))) - used} are not in the query")
    return tuple(fills)


def _constant(value: Any) -> Callable[[Sequence[Any]], Any]:
    return lambda values: value


def _slot(number: int, kind: type) -> Callable[[Sequence[Any]], Any]:
    if kind in {int, str}:
        return operator.itemgetter(number)
    return lambda values: _adapter(kind)(values[number])


def _adapter(kind: type) -> Callable[[Any], Any]:
    """Return what makes a value of this kind what the present database takes."""
    if kind is datetime:
        return connection.ops.adapt_datetimefield_value
    if kind is Decimal:
        return lambda value: connection.ops.adapt_decimalfield_value(value, 24, 8)
    if kind is Json:
        return lambda value: connection.ops.adapt_json_value(value, None)
    return lambda value: value


def _is_same(param: Any, sample: Any, kind: type) -> bool:
    if kind is Json:  # psycopg wraps it, and its wrapper knows no equality
        return bool(getattr(param, "obj", param) == getattr(sample, "obj", sample))
    return bool(param == sample)


def _maker(queryset: models.QuerySet[Any, Any], compiler: Any) -> Callable[[Iterable[Any]], list[Any]]:
    """Return what turns rows of the database into what the queryset would yield."""
    tuples = _tuples(compiler, [one[0] for one in compiler.select])
    shape = queryset._iterable_class  # noqa: SLF001  values() and values_list() differ in nothing else
    if shape is FlatValuesListIterable:
        return lambda rows: [row[0] for row in tuples(rows)]
    if shape is not ModelIterable:
        return tuples
    make = _instance_maker(compiler)
    return lambda rows: [make(row) for row in tuples(rows)]


def _tuples(compiler: Any, columns: Sequence[Any]) -> Callable[[Iterable[Any]], list[tuple[Any, ...]]]:
    """Return what turns what the database tells into Python values."""
    converters = compiler.get_converters(columns)
    return lambda rows: [tuple(row) for row in compiler.apply_converters(rows, converters)]


def _instance_maker(compiler: Any) -> Callable[[Any], Any]:
    info, select, alias = compiler.klass_info, compiler.select, connection.alias
    model, places = info["model"], info["select_fields"]
    begin, end = places[0], places[-1] + 1
    names = [one[0].target.attname for one in select[begin:end]]
    # the stubs are those of a later Django
    populators = get_related_populators(info, select, alias)  # type: ignore[call-arg]
    annotations = list((compiler.annotation_col_map or {}).items())

    def make(row: Any) -> Any:
        instance = model.from_db(alias, names, row[begin:end])
        for populator in populators:
            populator.populate(row, instance)
        for name, place in annotations:
            setattr(instance, name, row[place])
        return instance

    return make
