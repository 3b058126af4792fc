"""
Every event of Klaviyo's guide, caused through the real program: the shop in
Chromium, its account pages and contact form, `storefront order ..` and the
delivery worker; what the sandbox got of
each holds every property that the guide shows for it, under the guide's name
and of its type, with the unique_id that `storefront --help` tells.

GUIDE is the table: one row an event, with what the guide's sample has in it
(mistakes of the samples mended: a time or unique_id outside the attributes,
"Discount Code" with a space).  CAUSES says how each is caused; an event without
a cause, or a cause without an event, is an error.
"""
import json
import re

import pytest

from browser import Browser
from harness import Shop, wait_for
from test_walk import contract

EMAIL = "sarah.mason@klaviyo-demo.com"
TEXT, NUMBER, TEXTS = "text", "number", "texts"

CART_ITEM = {"ProductID": TEXT, "SKU": TEXT, "ProductName": TEXT,
             "Quantity": NUMBER, "ItemPrice": NUMBER, "RowTotal": NUMBER,
             "ProductURL": TEXT, "ImageURL": TEXT, "ProductCategories": TEXTS}
ITEM = {**{name: kind for name, kind in CART_ITEM.items()
           if name != "ProductCategories"}, "Categories": TEXTS}
ADDRESS = {"FirstName": TEXT, "LastName": TEXT, "Address1": TEXT, "City": TEXT,
           "RegionCode": TEXT, "CountryCode": TEXT, "Zip": TEXT, "Phone": TEXT}
# What Created Invoice, Failed Payment and Shipping Update have in common.
NOTICE = {"OrderId": TEXT, "Categories": TEXTS, "ItemNames": TEXTS,
          "DiscountCode": TEXT, "DiscountValue": NUMBER, "Items": [ITEM]}
ORDER = {**NOTICE, "Brands": TEXTS, "Items": [{**ITEM, "Brand": TEXT}],
         "BillingAddress": ADDRESS, "ShippingAddress": {"Address1": TEXT}}
SERVER = ("time", "value", "value_currency", "unique_id")

NOTED = ("time", "unique_id")
REPRESENTATIVE = "robin.field@klaviyo-demo.com"

# event: (the properties, the event's own members)
GUIDE = {
    "Active on Site": ({}, ()),
    "Viewed Product": ({
        "ProductName": TEXT, "ProductID": TEXT, "SKU": TEXT,
        "Categories": TEXTS, "ImageURL": TEXT, "URL": TEXT, "Brand": TEXT,
        "Price": NUMBER, "CompareAtPrice": NUMBER}, ()),
    "Added to Cart": ({
        "AddedItemProductName": TEXT, "AddedItemProductID": TEXT,
        "AddedItemSKU": TEXT, "AddedItemCategories": TEXTS,
        "AddedItemImageURL": TEXT, "AddedItemURL": TEXT,
        "AddedItemPrice": NUMBER, "AddedItemQuantity": NUMBER,
        "ItemNames": TEXTS, "CheckoutURL": TEXT, "Items": [CART_ITEM]},
        ("value", "unique_id")),
    "Started Checkout": ({
        "ItemNames": TEXTS, "CheckoutURL": TEXT, "Categories": TEXTS,
        "Items": [CART_ITEM]}, ("value", "unique_id")),
    "Placed Order": (ORDER, SERVER),
    "Ordered Product": ({
        "OrderId": TEXT, "ProductID": TEXT, "SKU": TEXT, "ProductName": TEXT,
        "Quantity": NUMBER, "ProductURL": TEXT, "ImageURL": TEXT,
        "Categories": TEXTS, "ProductBrand": TEXT}, SERVER),
    "Fulfilled Order": (ORDER, SERVER),
    "Canceled Order": ({**ORDER, "Reason": TEXT}, SERVER),
    "Refunded Order": ({**ORDER, "Reason": TEXT}, SERVER),
    "Created Invoice": ({
        **NOTICE, "BillingAddress": ADDRESS, "ShippingAddress": ADDRESS,
        "MissingInformation": TEXTS}, SERVER),
    "Failed Payment": ({
        **NOTICE, "PaymentFailure": TEXT, "PaymentNextSteps": TEXT}, SERVER),
    "Shipping Update": ({
        **NOTICE, "UpdateType": TEXT, "ShippingAddress": ADDRESS}, SERVER),
    "Created Account": ({}, NOTED),
    "Updated Account": ({
        "UpdateType": TEXT, "UpdatedProperties": TEXTS,
        "OldValues": {"FirstName": TEXT}, "NewValues": {"FirstName": TEXT}},
        NOTED),
    "Reset Password": ({"PasswordResetLink": TEXT}, NOTED),
    "Became Lead": ({"Action": TEXT}, NOTED),
    "New Lead": ({
        "LeadFirstName": TEXT, "LeadLastName": TEXT, "LeadPhoneNumber": TEXT,
        "LeadEmailAddress": TEXT, "LeadAction": TEXT}, NOTED),
}
# What the guide shows of the profile, beside the address.
PEOPLE = {
    **{metric: {"phone_number": TEXT} for metric in (
        "Placed Order", "Ordered Product", "Fulfilled Order",
        "Canceled Order", "Refunded Order", "Created Invoice")},
    "Created Account": {"phone_number": TEXT, "first_name": TEXT,
                        "last_name": TEXT},
    "Updated Account": {
        "phone_number": TEXT, "first_name": TEXT, "last_name": TEXT,
        "location": {"address1": TEXT, "city": TEXT, "country": TEXT,
                     "region": TEXT, "zip": TEXT}},
    "Became Lead": {"first_name": TEXT, "last_name": TEXT,
                    "properties": {"MostRecentLeadSource": TEXT}},
}


# ------------------------------------------------------------------ causes

PASSWORD = "correct horse battery"
HOME = {"address1": "125 Summer St", "city": "Boston", "region": "MA",
        "zip": "02110", "country": "US"}


class Causes:
    """How each event is caused; in the order of a customer's life."""

    def __init__(self, shop, browser):
        self.shop, self.b, self.order = shop, browser, None

    def active_on_site(self):
        """A visitor who typed their address once, coming back."""
        self.b.open("/products/winnie-the-pooh")
        self.b.add()
        self.b.open("/checkout")
        self.b.fill(EMAIL)
        self.b.wait_events("Started Checkout")
        self.b.open("/")

    def viewed_product(self):
        # One whose price is struck through, for CompareAtPrice.
        handle, = self.shop.query(
            "SELECT p.handle FROM product p JOIN variant v ON v.product = p.id"
            " WHERE v.compare_at > 0 AND v.stock > 1 AND p.published = 1"
            " ORDER BY p.position, v.position LIMIT 1")[0]
        self.b.open("/products/" + handle)

    def added_to_cart(self):
        self.b.add(2)

    def started_checkout(self):
        self.b.open("/checkout")

    def placed_order(self):
        self.b.fill(EMAIL)
        self.b.type("#discount", self.discount())
        self.b.order()
        self.order = self.b.driver.current_url.rsplit("/", 1)[1]

    def discount(self):
        """A code that takes an amount off."""
        return self.shop.query("SELECT code FROM discount WHERE kind = "
                               "'percent' AND minimum < 1000 LIMIT 1")[0][0]

    def ordered_product(self):
        """With the order, one a line."""

    def do(self, *words):
        return self.shop.run("order", *words)

    def failed_payment(self):
        self.do("payment-failed", self.order, "--reason",
                "Credit card not accepted", "--next-steps",
                "Please use a different payment method.")

    def created_invoice(self):
        self.do("invoice", self.order, "--missing", "signature",
                "--missing", "size")

    def fulfilled_order(self):
        self.do("fulfill", self.order, "--line", "1", "--tracking", "1Z99",
                "--company", "UPS")

    def shipping_update(self):
        for status in ("shipped", "out-for-delivery", "delivered"):
            self.do("ship", self.order, "s1", status)

    def canceled_order(self):
        self.do("cancel", self.order, "--line", "2:1", "--reason",
                "No longer needed")
        self.do("cancel", self.order, "--reason", "Nor that")

    def refunded_order(self):
        self.do("refund", self.order, "--amount", "1.00", "--reason",
                "Torn cover")
        self.do("refund", self.order, "--reason", "All of it")

    def submit(self, page, **fields):
        self.visitor.get(page)
        reply = self.visitor.submit(page, **fields)
        assert reply.status == 200, reply
        return reply

    def created_account(self):
        self.visitor = self.shop.visitor()
        self.submit("/account/register", email=EMAIL, password=PASSWORD,
                    first_name="Sarah", last_name="Mason",
                    phone="+15005550006")

    def updated_account(self):
        """The address first, so that the name's event has it."""
        self.submit("/account/login", email=EMAIL, password=PASSWORD)
        self.submit("/account/details", **HOME)
        self.submit("/account/details", **HOME, first_name="Sally")

    def reset_password(self):
        self.submit("/account/forgot", email=EMAIL)

    def became_lead(self):
        self.submit("/contact", first_name="Sarah", last_name="Mason",
                    email=EMAIL, phone="+15005550006",
                    message="Do you bind books?")

    def new_lead(self):
        """With the other, for the representative."""


CAUSES = {"Active on Site": Causes.active_on_site,
          "Viewed Product": Causes.viewed_product,
          "Added to Cart": Causes.added_to_cart,
          "Started Checkout": Causes.started_checkout,
          "Placed Order": Causes.placed_order,
          "Ordered Product": Causes.ordered_product,
          "Failed Payment": Causes.failed_payment,
          "Created Invoice": Causes.created_invoice,
          "Fulfilled Order": Causes.fulfilled_order,
          "Shipping Update": Causes.shipping_update,
          "Canceled Order": Causes.canceled_order,
          "Refunded Order": Causes.refunded_order,
          "Created Account": Causes.created_account,
          "Updated Account": Causes.updated_account,
          "Reset Password": Causes.reset_password,
          "Became Lead": Causes.became_lead,
          "New Lead": Causes.new_lead}


def test_every_event_has_a_cause():
    assert set(CAUSES) == set(GUIDE)


@pytest.fixture(scope="module")
def life():
    """The whole life, once; the sandbox's state at its end."""
    with Shop("nginx", serve=False, env={
            "STOREFRONT_LEADS_EMAIL": REPRESENTATIVE}) as shop:
        shop.start_sandbox(["--record", shop.path("requests.jsonl")])
        shop.start()
        shop.start_worker()
        with Browser(shop, size=(1280, 1400)) as b:
            causes = Causes(shop, b)
            for metric, cause in CAUSES.items():
                before = len(b.events(metric))
                cause(causes)
                if metric == "Started Checkout":
                    # The first was Active on Site's.
                    wait_for(lambda: len(b.events(metric)) > before, metric)
                else:
                    b.wait_events(metric)
            shop.wait_delivered()
            b.check_quiet()
            state = b.state()
        contract(shop)
        help = shop.run("--help").stdout
        recorded = [json.loads(line)
                    for line in open(shop.path("requests.jsonl"))]
        yield {"state": state, "order": causes.order, "help": help,
               "recorded": recorded}


# ------------------------------------------------------------------- checks

def fits(value, kind, path):
    """What of the guide's shape is not there; [] when all is."""
    if isinstance(kind, dict):
        if not isinstance(value, dict):
            return [path + " is no object"]
        return [wrong for name, inner in kind.items() for wrong in (
            fits(value[name], inner, f"{path}.{name}") if name in value
            else [f"{path}.{name} is missing"])]
    if isinstance(kind, list):
        if not isinstance(value, list) or not value:
            return [path + " is no list of objects"]
        return [wrong for i, one in enumerate(value)
                for wrong in fits(one, kind[0], f"{path}[{i}]")]
    right = {TEXT: isinstance(value, str) and value != "",
             NUMBER: isinstance(value, (int, float))
             and not isinstance(value, bool) and value != 0,
             TEXTS: isinstance(value, list) and value != []
             and all(isinstance(one, str) and one for one in value)}[kind]
    return [] if right else [f"{path} is no {kind}: {value!r}"]


def test_fits_can_fail():
    assert fits({"A": "x", "B": [{"C": 1}]}, {"A": TEXT, "B": [{"C": NUMBER}]},
                "") == []
    for value in ({"A": "x"}, {"A": "", "B": [{"C": 1}]},
                  {"A": "x", "B": []}, {"A": "x", "B": [{"c": 1}]},
                  {"A": "x", "B": [{"C": "1"}]}):
        assert len(fits(value, {"A": TEXT, "B": [{"C": NUMBER}]}, "")) == 1


def attributes(event):
    return event["attributes"]


@pytest.mark.parametrize("metric", GUIDE)
def test_it_holds_all_that_the_guide_shows(life, metric):
    properties, members = GUIDE[metric]
    events = [e for e in life["state"]["events"] if e["metric"] == metric]
    assert events
    if metric == "Updated Account":
        # The first had no old values; they may arrive in any order.
        events = [max(events, key=lambda e: e["unique_id"])]
    for event in events:
        body = attributes(event)
        assert fits(body["properties"], properties, metric) == []
        for member in members:
            assert body.get(member), f"{metric}: no {member}"
        if "value" in members:
            assert event["value_currency"] == "USD", metric
        # The mistakes of the samples.
        assert not {"Discount Code", "Discount Value", "value", "time",
                    "unique_id", "metric"} & set(body["properties"])
    # Nothing in it that only resembles the guide's spelling.
    assert [r for e in events for r in e.get("remarks", [])
            if "spelled" in r or "should be" in r] == []


@pytest.mark.parametrize("metric", [m for m in GUIDE if "time" in GUIDE[m][1]])
def test_it_says_who_it_is_about(life, metric):
    bodies = sorted((r["body"]["data"]["attributes"]
                     for r in life["recorded"] if r["path"] == "/api/events"),
                    key=lambda body: body["unique_id"])
    people = [b["profile"]["data"]["attributes"] for b in bodies
              if b["metric"]["data"]["attributes"]["name"] == metric]
    assert people
    for who in people:
        assert who["email"] == (REPRESENTATIVE if metric == "New Lead"
                                else EMAIL)
    # The last one: an account gets its address in the course of its life.
    assert fits(people[-1], PEOPLE.get(metric, {}), metric) == []


def test_each_goes_by_one_side_and_nothing_is_refused(life):
    state = life["state"]
    assert state["refused"] == [] and state["dropped"] == []
    browser = {"Active on Site", "Viewed Product", "Added to Cart",
               "Started Checkout"}
    for event in state["events"]:
        if event["metric"] in GUIDE:
            assert (event["side"] == "browser") == \
                (event["metric"] in browser), event
    # One person, and the representative.
    people = {e["person"]: e["metric"] for e in state["events"]}
    assert len(people) == 2 and "New Lead" in people.values()


def told(help, metric):
    """What `storefront --help` says of an event's unique_id."""
    return re.search(rf"^  {metric} {{2,}}(.+)$", help, re.M)[1]


UNIQUE_IDS = {
    "Placed Order": ("ORDER", "{order}"),
    "Ordered Product": ("ORDER:LINE", r"{order}:[12]"),
    "Fulfilled Order": ("ORDER:SHIPMENT (s1, s2 ..)", r"{order}:s1"),
    "Shipping Update": ("ORDER:SHIPMENT:STATUS",
                        r"{order}:s1:(Shipped|Out for delivery|Delivered)"),
    "Canceled Order": ("ORDER; a further one ORDER:c2, c3 ..",
                       r"{order}(:c2)?"),
    "Refunded Order": ("ORDER; a further one ORDER:r2, r3 ..",
                       r"{order}(:r2)?"),
    "Created Invoice": ("ORDER:INVOICE (i1, i2 ..)", r"{order}:i1"),
    "Failed Payment": ("ORDER:ATTEMPT (p1, p2 ..)", r"{order}:p1"),
    "Created Account": ("ACCOUNT", r"[0-9a-z]{{26}}"),
    "Updated Account": ("ACCOUNT:CHANGE", r"[0-9a-z]{{26}}:\d+"),
    "Reset Password": ("REQUEST", r"[0-9a-z]{{26}}"),
    "Became Lead": ("MESSAGE", r"[0-9a-z]+"),
    "New Lead": ("MESSAGE", r"[0-9a-z]+"),
    "Added to Cart": ("CART:REVISION", r"[0-9a-z]+:\d+"),
    "Started Checkout": ("CART_TIME, of its last change", r"[0-9a-z]+_\d{{10}}"),
}


@pytest.mark.parametrize("metric", UNIQUE_IDS)
def test_its_unique_id_is_what_help_says(life, metric):
    words, pattern = UNIQUE_IDS[metric]
    assert told(life["help"], metric) == words
    ids = [e["unique_id"] for e in life["state"]["events"]
           if e["metric"] == metric]
    assert ids and len(set(ids)) == len(ids)
    for id in ids:
        assert re.fullmatch(pattern.format(order=life["order"]), id), id
