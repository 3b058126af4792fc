/*
 * shop.cc - somebody else's shop: C++17, FastCGI, a PostgreSQL database with
 * its own products.  Everything it needs for Klaviyo is libklaviyo.
 *
 *	c++ -std=c++17 shop.cc $(pkg-config --cflags --libs klaviyo) \
 *	    -I/usr/include/postgresql -lpq -lfcgi
 *	GET  /ID                    a product's page, with the snippets
 *	POST /ID email=..&quantity  an order: rows and events in one transaction
 *	shop deliver                what is queued goes out, until nothing waits
 *
 * Environment: SHOP_DB, libpq's words; KLAVIYO_PUBLIC_KEY, KLAVIYO_ONSITE_URL
 * and KLAVIYO_API_URL, the last two to point it at klaviyo-sandbox; DEMO_KEY.
 * FastCGI comes by standard input, as spawn-fcgi and mod_fcgid give it.
 */
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcgiapp.h>
#include <klaviyo.h>
#include <libpq-fe.h>
#include <memory>
#include <sstream>
#include <string>
#include <sys/random.h>
#include <thread>
#include <vector>

/* What the library returns is the caller's to free(). */
using Text = std::unique_ptr<char, decltype(&std::free)>;

static Text
text(char *given)
{
	return {given, std::free};
}

static const char *
setting(const char *name)
{
	return std::getenv(name);
}

/* A row of the shop's, and what the library is told of it.  The item borrows
   from the product, which therefore stays where it is. */
struct Product {
	std::string id, sku, name, brand, url, image;
	std::vector<std::string> categories;
	int64_t price = 0;
	std::vector<const char *> shelf;

	klaviyo_item
	item(int quantity)
	{
		klaviyo_item item{};

		shelf.clear();
		for (const auto &one : categories)
			shelf.push_back(one.c_str());
		item.product_id = id.c_str();
		item.sku = sku.c_str();
		item.name = name.c_str();
		item.brand = brand.c_str();
		item.url = url.c_str();
		item.image_url = image.c_str();
		item.categories = shelf.data();
		item.ncategories = shelf.size();
		item.price = price;
		item.quantity = quantity;
		return item;
	}
};

static int
product_row(void *arg, int, const char *const col[])
{
	auto *p = static_cast<Product *>(arg);
	std::istringstream names(col[6]);

	p->id = col[0];
	p->sku = col[1];
	p->name = col[2];
	p->brand = col[3];
	p->price = std::strtoll(col[4], nullptr, 10);
	p->image = col[5];
	p->url = "https://books.klaviyo-demo.com/" + p->id;
	for (std::string one; std::getline(names, one, ',');)
		p->categories.push_back(one);
	return 0;
}

class Shop {
public:
	explicit Shop(PGconn *conn) : conn(conn)
	{
		store.sql = klaviyo_pgsql;
		store.conn = conn;
	}

	bool run(const char *sql, const std::vector<const char *> &arg = {},
	    klaviyo_row *row = nullptr, void *rowarg = nullptr)
	{
		return klaviyo_pgsql(conn, sql, static_cast<int>(arg.size()),
		           arg.data(), row, rowarg) >= 0;
	}

	bool make();
	bool find(const std::string &id, Product *product);
	/* The order's id; "" with what the visitor is told. */
	std::string place(Product &product, int quantity, const char *email,
	    std::string *sorry);
	int deliver();

private:
	PGconn *conn;
	klaviyo_store store{};
};

bool
Shop::make()
{
	return klaviyo_outbox_create(&store) == 0 &&
	    run("CREATE TABLE IF NOT EXISTS products (id TEXT PRIMARY KEY, sku "
	        "TEXT NOT NULL, name TEXT NOT NULL, brand TEXT NOT NULL, price "
	        "BIGINT NOT NULL, image TEXT NOT NULL, shelf TEXT NOT NULL)") &&
	    run("CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, "
	        "product TEXT NOT NULL REFERENCES products (id), quantity "
	        "BIGINT NOT NULL, email TEXT NOT NULL)");
}

bool
Shop::find(const std::string &id, Product *product)
{
	return run("SELECT id, sku, name, brand, price, image, shelf FROM "
	           "products WHERE id = $1",
	           {id.c_str()}, product_row, product) &&
	    !product->id.empty();
}

/* Random, never a counter: a counter of a restored backup would give an id out
   twice, and Klaviyo would swallow the second order. */
static std::string
new_id()
{
	unsigned char bytes[16];
	char hex[33];

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		std::abort();
	for (int i = 0; i < 16; i++)
		std::snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
	return hex;
}

std::string
Shop::place(Product &product, int quantity, const char *email,
    std::string *sorry)
{
	std::string id = new_id(), count = std::to_string(quantity);
	klaviyo_item line = product.item(quantity);
	klaviyo_order order{};

	order.id = id.c_str();
	order.time = std::time(nullptr);
	order.currency = "EUR";
	order.total = product.price * quantity;
	order.items = &line;
	order.nitems = 1;
	order.profile.email = email;
	*sorry = "Please try again";
	if (!run("BEGIN"))
		return "";
	bool ok = run("INSERT INTO orders VALUES ($1, $2, "
	              "CAST($3 AS BIGINT), $4)",
	    {id.c_str(), product.id.c_str(), count.c_str(), email});
	if (ok && klaviyo_queue_order(&store, KLAVIYO_PLACED_ORDER, &order,
	              KLAVIYO_REALTIME, order.time) != 0) {
		/* What Klaviyo would refuse for good costs its event, not the
		   order; what could not be written costs both. */
		std::fprintf(stderr, "order %s: %s\n", id.c_str(),
		    klaviyo_error());
		ok = klaviyo_error_passes() == 0;
	}
	if (!run(ok ? "COMMIT" : "ROLLBACK") || !ok)
		return "";
	return id;
}

int
Shop::deliver()
{
	klaviyo_options options{};
	klaviyo_tally tally{};
	int64_t sent = 0;

	options.api_url = setting("KLAVIYO_API_URL");
	options.private_key = setting("DEMO_KEY"); /* better: from a file */
	klaviyo *sender = klaviyo_new(&options);
	if (sender == nullptr) {
		std::fprintf(stderr, "shop: %s\n", klaviyo_error());
		return 1;
	}
	do { /* a worker goes on for ever */
		if (klaviyo_deliver(sender, &store, 5000, nullptr, &tally) != 0)
			break;
		sent += tally.sent;
		std::this_thread::sleep_for(
		    std::chrono::milliseconds(tally.wait_ms));
	} while (tally.claimed > 0);
	klaviyo_leave(sender, &store);
	klaviyo_free(sender);
	std::printf("%lld sent\n", static_cast<long long>(sent));
	return 0;
}

/* ------------------------------------------------------------------- pages */

static std::string
html(const std::string &raw)
{
	std::string safe;

	for (char c : raw)
		switch (c) {
		case '<': safe += "&lt;"; break;
		case '>': safe += "&gt;"; break;
		case '&': safe += "&amp;"; break;
		case '"': safe += "&quot;"; break;
		default: safe += c;
		}
	return safe;
}

static std::string
decoded(const std::string &raw)
{
	std::string plain;

	for (size_t i = 0; i < raw.size(); i++)
		if (raw[i] == '%' && i + 2 < raw.size()) {
			plain += static_cast<char>(
			    std::stoi(raw.substr(i + 1, 2), nullptr, 16));
			i += 2;
		} else {
			plain += raw[i] == '+' ? ' ' : raw[i];
		}
	return plain;
}

/* A field of a posted form. */
static std::string
field(const std::string &body, const std::string &name)
{
	std::istringstream pairs(body);

	for (std::string pair; std::getline(pairs, pair, '&');)
		if (pair.compare(0, name.size() + 1, name + "=") == 0)
			return decoded(pair.substr(name.size() + 1));
	return "";
}

/* ${said}: calls of klaviyo's, each with the library's JSON. */
static std::string
whole_page(const std::string &title, const std::string &said,
    const std::string &body)
{
	Text script = text(klaviyo_script_url(setting("KLAVIYO_ONSITE_URL"),
	    setting("KLAVIYO_PUBLIC_KEY")));
	std::string page = "Content-Type: text/html; charset=utf-8\r\n\r\n"
	                   "<!DOCTYPE html>\n<title>" +
	    html(title) + "</title>\n";

	if (script != nullptr)
		page += "<script>window._klOnsite = window._klOnsite || [];\n" +
		    said + "</script>\n<script async src=\"" + script.get() +
		    "\"></script>\n";
	return page + "<h1>" + html(title) + "</h1>\n" + body;
}

static std::string
call(const std::string &begin, char *json)
{
	Text owned = text(json);

	/* A failure costs the snippet, not the page. */
	return owned == nullptr
	    ? ""
	    : "_klOnsite.push([" + begin + ", " + owned.get() + "]);\n";
}

static std::string
product_page(Product &product)
{
	klaviyo_item item = product.item(0);

	return whole_page(product.name,
	    call("\"track\", \"Viewed Product\"",
	        klaviyo_viewed_product(&item, "EUR")) +
	        call("\"trackViewedItem\"", klaviyo_viewed_item(&item, "EUR")),
	    "<form method=post><input name=email type=email required>"
	    "<input name=quantity value=1><button>Buy</button></form>\n");
}

static std::string
order_page(Shop &shop, Product &product, const std::string &form)
{
	std::string email = field(form, "email"), sorry;
	int quantity = std::atoi(field(form, "quantity").c_str());
	klaviyo_profile person{};

	if (email.find('@') == std::string::npos || quantity < 1 ||
	    quantity > 99)
		return "Status: 400\r\n\r\nAn address and a quantity, please\n";
	std::string id = shop.place(product, quantity, email.c_str(), &sorry);
	if (id.empty())
		return "Status: 503\r\n\r\n" + sorry + "\n";
	/* Whoever has just typed their address is known by it. */
	person.email = email.c_str();
	return whole_page("Thank you: " + id,
	    call("\"identify\"", klaviyo_identify(&person)), "");
}

static std::string
answer(Shop &shop, FCGX_Request &request)
{
	auto given = [&request](const char *name) -> std::string {
		const char *value = FCGX_GetParam(name, request.envp);
		return value != nullptr ? value : "";
	};
	std::string path = given("DOCUMENT_URI");
	Product product;

	if (path.size() < 2 || !shop.find(path.substr(1), &product))
		return "Status: 404\r\n\r\nNo such product\n";
	if (given("REQUEST_METHOD") != "POST")
		return product_page(product);
	std::string form(4096, '\0');
	int n = FCGX_GetStr(&form[0], 4096, request.in);
	form.resize(static_cast<size_t>(n > 0 ? n : 0));
	return order_page(shop, product, form);
}

int
main(int argc, char **argv)
{
	std::unique_ptr<PGconn, decltype(&PQfinish)> conn(
	    PQconnectdb(setting("SHOP_DB")), PQfinish);
	Shop shop(conn.get());
	FCGX_Request request;

	if (PQstatus(conn.get()) != CONNECTION_OK || !shop.make()) {
		std::fprintf(stderr, "shop: %s%s\n",
		    PQerrorMessage(conn.get()), klaviyo_error());
		return 1;
	}
	if (argc > 1 && std::strcmp(argv[1], "deliver") == 0)
		return shop.deliver();
	FCGX_Init();
	FCGX_InitRequest(&request, 0, 0);
	while (FCGX_Accept_r(&request) == 0) {
		std::string page = answer(shop, request);

		FCGX_PutStr(
		    page.data(), static_cast<int>(page.size()), request.out);
		FCGX_Finish_r(&request);
	}
	return 0;
}
