"""Redis OM's models in hashes. Its JSON models and queries need modules that redis-server 7.0 has not either."""

import datetime
import time
from typing import Optional

import redis_om
from checks import URL, run
from pydantic import ValidationError
from redis_om import Field, HashModel, NotFoundError

database = redis_om.get_redis_connection(url=f"{URL}/7", decode_responses=True)


class Customer(HashModel, index=True):
    name: str
    email: str = Field(index=True)
    joined: datetime.date
    age: int
    bio: Optional[str] = None

    class Meta:
        global_key_prefix = "shop"
        database = database


class Order(HashModel, index=True):
    number: int = Field(primary_key=True)
    total: float

    class Meta:
        database = database


def ada(**changes):
    values = {"name": "Ada ☃", "email": "ada@example.com", "joined": datetime.date(2026, 11, 21), "age": 36}
    return Customer(**(values | changes))


def saved():
    """a model is saved in a hash, and comes back"""
    customer = ada(bio="first")
    customer.save()
    assert Customer.get(customer.pk) == customer
    assert customer.key().startswith("shop:")
    assert database.hget(customer.key(), "email") == "ada@example.com"
    assert Customer.get(customer.pk).joined == datetime.date(2026, 11, 21)


def checked():
    """values are checked before they are written"""
    try:
        ada(age="old")
    except ValidationError:
        return
    raise AssertionError("any age will do")


def changed():
    """fields change, and models end"""
    customer = ada().save()
    customer.update(age=37, name="Countess")
    assert (Customer.get(customer.pk).age, Customer.get(customer.pk).name) == (37, "Countess")
    assert Customer.delete(customer.pk) == 1
    try:
        Customer.get(customer.pk)
    except NotFoundError:
        return
    raise AssertionError("it is there")


def primary():
    """primary keys of our own, and all of them"""
    for number in range(250):
        Order(number=number, total=number / 4).save()
    assert Order.get(77).total == 19.25
    assert sorted(int(key) for key in Order.all_pks()) == list(range(250))


def many():
    """many models in a pipeline"""
    customers = Customer.add([ada(age=number) for number in range(100)])
    assert [Customer.get(customer.pk).age for customer in customers] == list(range(100))
    assert Customer.delete_many(customers) == 100


def deadlines():
    """models expire"""
    customer = ada().save()
    customer.expire(100)
    assert 98 < database.ttl(customer.key()) <= 100
    customer.expire(1)
    time.sleep(1.1)
    assert database.exists(customer.key()) == 0


run([saved, checked, changed, primary, many, deadlines])
