/*
 * guide_tables.c - the properties of Klaviyo's guide, metric by metric.
 *
 * Where the guide contradicts itself or Klaviyo's own description, the form
 * that works is here: the reset link among the properties, the lead's source in
 * the profile's properties, value always with its currency. What a shop may not
 * have (a brand, a discount, a phone number) is optional.
 */
#include "guide.h"

/* clang-format off: tables */
static const struct want viewed_product[] = {{"ProductName", PROPERTY, TEXT, 0},
    {"ProductID", PROPERTY, TEXT, 0}, {"SKU", PROPERTY, TEXT, 0},
    {"Categories", PROPERTY, TEXTS, 0}, {"ImageURL", PROPERTY, TEXT, 0},
    {"URL", PROPERTY, TEXT, 0}, {"Brand", PROPERTY, TEXT, 1},
    {"Price", PROPERTY, NUMBER, 0}, {"CompareAtPrice", PROPERTY, NUMBER, 1},
    {NULL, 0, 0, 0}};

static const struct want added_to_cart[] = {
    {"AddedItemProductName", PROPERTY, TEXT, 0},
    {"AddedItemProductID", PROPERTY, TEXT, 0},
    {"AddedItemSKU", PROPERTY, TEXT, 0},
    {"AddedItemCategories", PROPERTY, TEXTS, 0},
    {"AddedItemImageURL", PROPERTY, TEXT, 0},
    {"AddedItemURL", PROPERTY, TEXT, 0},
    {"AddedItemPrice", PROPERTY, NUMBER, 0},
    {"AddedItemQuantity", PROPERTY, NUMBER, 0}, {NULL, 0, 0, 0}};

static const struct want started_checkout[] = {{"unique_id", EVENT, TEXT, 0},
    {"Categories", PROPERTY, TEXTS, 0}, {NULL, 0, 0, 0}};

/* What a cart carries, in Added to Cart and in Started Checkout. */
static const struct want cart[] = {{"value", EVENT, NUMBER, 0},
    {"value_currency", EVENT, TEXT, 1}, {"ItemNames", PROPERTY, TEXTS, 0},
    {"CheckoutURL", PROPERTY, TEXT, 0}, {"Items", PROPERTY, OBJECTS, 0},
    {"ProductID", ITEM, TEXT, 0}, {"SKU", ITEM, TEXT, 0},
    {"ProductName", ITEM, TEXT, 0}, {"Quantity", ITEM, NUMBER, 0},
    {"ItemPrice", ITEM, NUMBER, 0}, {"RowTotal", ITEM, NUMBER, 0},
    {"ProductURL", ITEM, TEXT, 0}, {"ImageURL", ITEM, TEXT, 0},
    {"ProductCategories", ITEM, TEXTS, 0}, {NULL, 0, 0, 0}};

/* What an order carries, whatever becomes of it. */
static const struct want order[] = {{"value", EVENT, NUMBER, 0},
    {"value_currency", EVENT, TEXT, 0}, {"unique_id", EVENT, TEXT, 0},
    {"time", EVENT, TEXT, 0}, {"OrderId", PROPERTY, TEXT, 0},
    {"Categories", PROPERTY, TEXTS, 0}, {"ItemNames", PROPERTY, TEXTS, 0},
    {"Brands", PROPERTY, TEXTS, 1}, {"DiscountCode", PROPERTY, TEXT, 1},
    {"DiscountValue", PROPERTY, NUMBER, 1}, {"Items", PROPERTY, OBJECTS, 0},
    {"BillingAddress", PROPERTY, OBJECT, 1},
    {"ShippingAddress", PROPERTY, OBJECT, 1}, {"ProductID", ITEM, TEXT, 0},
    {"SKU", ITEM, TEXT, 0}, {"ProductName", ITEM, TEXT, 0},
    {"Quantity", ITEM, NUMBER, 0}, {"ItemPrice", ITEM, NUMBER, 0},
    {"RowTotal", ITEM, NUMBER, 0}, {"ProductURL", ITEM, TEXT, 0},
    {"ImageURL", ITEM, TEXT, 0}, {"Categories", ITEM, TEXTS, 0},
    {"Brand", ITEM, TEXT, 1}, {NULL, 0, 0, 0}};

static const struct want ordered_product[] = {{"value", EVENT, NUMBER, 0},
    {"value_currency", EVENT, TEXT, 0}, {"unique_id", EVENT, TEXT, 0},
    {"time", EVENT, TEXT, 0}, {"OrderId", PROPERTY, TEXT, 0},
    {"ProductID", PROPERTY, TEXT, 0}, {"SKU", PROPERTY, TEXT, 0},
    {"ProductName", PROPERTY, TEXT, 0}, {"Quantity", PROPERTY, NUMBER, 0},
    {"ProductURL", PROPERTY, TEXT, 0}, {"ImageURL", PROPERTY, TEXT, 0},
    {"Categories", PROPERTY, TEXTS, 0}, {"ProductBrand", PROPERTY, TEXT, 1},
    {NULL, 0, 0, 0}};

/* The guide's notices of what becomes of an order, beside the order. */
static const struct want invoice[] = {
    {"MissingInformation", PROPERTY, TEXTS, 0}, {NULL, 0, 0, 0}};
static const struct want payment[] = {{"PaymentFailure", PROPERTY, TEXT, 0},
    {"PaymentNextSteps", PROPERTY, TEXT, 0}, {NULL, 0, 0, 0}};
static const struct want shipping[] = {
    {"UpdateType", PROPERTY, TEXT, 0}, {NULL, 0, 0, 0}};

/* Of an account: when, and which, so that no second one is lost. */
static const struct want once[] = {{"unique_id", EVENT, TEXT, 0},
    {"time", EVENT, TEXT, 0}, {"email", PERSON, TEXT, 0}, {NULL, 0, 0, 0}};
static const struct want created_account[] = {{"first_name", PERSON, TEXT, 1},
    {"last_name", PERSON, TEXT, 1}, {"phone_number", PERSON, TEXT, 1},
    {"location", PERSON, OBJECT, 1}, {NULL, 0, 0, 0}};
static const struct want updated_account[] = {{"UpdateType", PROPERTY, TEXT, 0},
    {"UpdatedProperties", PROPERTY, TEXTS, 0},
    {"OldValues", PROPERTY, OBJECT, 1}, {"NewValues", PROPERTY, OBJECT, 1},
    {NULL, 0, 0, 0}};
static const struct want reset_password[] = {
    {"PasswordResetLink", PROPERTY, TEXT, 0}, {NULL, 0, 0, 0}};

/* A lead: the prospect's event, and the representative's. */
static const struct want became_lead[] = {{"Action", PROPERTY, TEXT, 0},
    {"MostRecentLeadSource", PERSON_PROPERTY, TEXT, 0}, {NULL, 0, 0, 0}};
static const struct want new_lead[] = {{"LeadFirstName", PROPERTY, TEXT, 0},
    {"LeadLastName", PROPERTY, TEXT, 0},
    {"LeadEmailAddress", PROPERTY, TEXT, 0},
    {"LeadPhoneNumber", PROPERTY, TEXT, 1}, {"LeadAction", PROPERTY, TEXT, 0},
    {NULL, 0, 0, 0}};

static const struct want reason[] = {
    {"Reason", PROPERTY, TEXT, 1}, {NULL, 0, 0, 0}};
static const struct want nothing[] = {{NULL, 0, 0, 0}};

/* clang-format on */

struct expected expected[METRICS] = {
    {.metric = "Viewed Product", .wants = {viewed_product, nothing}},
    {.metric = "Added to Cart", .wants = {added_to_cart, cart}},
    {.metric = "Started Checkout", .wants = {started_checkout, cart}},
    {.metric = "Placed Order", .wants = {order, nothing}},
    {.metric = "Ordered Product", .wants = {ordered_product, nothing}},
    {.metric = "Fulfilled Order", .wants = {order, nothing}},
    {.metric = "Canceled Order", .wants = {order, reason}},
    {.metric = "Refunded Order", .wants = {order, reason}},
    {.metric = "Created Invoice", .wants = {order, invoice}},
    {.metric = "Failed Payment", .wants = {order, payment}},
    {.metric = "Shipping Update", .wants = {order, shipping}},
    {.metric = "Created Account", .wants = {created_account, once}},
    {.metric = "Updated Account", .wants = {updated_account, once}},
    {.metric = "Reset Password", .wants = {reset_password, once}},
    {.metric = "Became Lead", .wants = {became_lead, once}},
    {.metric = "New Lead", .wants = {new_lead, once}},
};
