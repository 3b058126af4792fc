/*
 * test_import.c - the product CSV: what is read, each error with its line, and
 * that a refused file changes nothing.
 */
#include "catalog_db.h"
#include "import.h"

#define HEAD "Handle,Title,Variant Price\n"

/* Rows in the layout of a real export, header included. */
static const char export_csv[] =
    "Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,"
    "Option1 Value,Option2 Name,Option2 Value,Option3 Name,Option3 Value,"
    "Variant SKU,Variant Grams,Variant Inventory Tracker,"
    "Variant Inventory Qty,Variant Inventory Policy,"
    "Variant Fulfillment Service,Variant Price,Variant Compare At Price,"
    "Variant Requires Shipping,Variant Taxable,Variant Barcode,Image Src,"
    "Image Position,Image Alt Text,Gift Card,Variant Weight Unit\n"
    "blue-shirt,Blue Shirt,Blue cotton shirt. ,demo,,men,true,Title,"
    "Default Title,,,,,,0,,1,deny,manual,50,,true,true,,"
    "https://img.example/a_925x@2x.jpg,1,,false,kg\n"
    "varsity-top,Varsity Top,\"Casual top, grey and black. \",demo,Tops,"
    "\"women, Tops,  new in\",true,Size,Small,,,,,VT-S,0,shopify,4,deny,"
    "manual,60,75.50,true,true,,https://img.example/b.jpg,2,Back,false,kg\n"
    "varsity-top,,,,,,,,Medium,,,,,VT-M,0,shopify,-3,deny,manual,60.5,60.5,"
    "true,true,,,,,,kg\n"
    "varsity-top,,,,,,,,Large,,,,,,0,shopify,0,continue,manual,61,10,"
    "true,true,,,,,,kg\n"
    "varsity-top,,,,,,,,,,,,,,,,,,,,,,,,https://img.example/c.jpg,1,Front,,\n"
    "hidden,Hidden,,,,,FALSE,Title,Default Title,,,,,,0,,1,deny,manual,9,,"
    "true,true,,,,,false,kg\n";

static void
reads_an_export(void **state)
{
	struct import_counts counts;

	(void)state;
	assert_int_equal(
	    catalog_import(db, export_csv, strlen(export_csv), "USD", &counts),
	    0);
	assert_int_equal(counts.products, 3);
	assert_int_equal(counts.variants, 5);
	assert_string_equal(
	    ROWS("SELECT id, handle, title, body, vendor, image, image_alt, "
	         "published FROM product ORDER BY position"),
	    "blue-shirt|blue-shirt|Blue Shirt|Blue cotton shirt.|demo|"
	    "https://img.example/a_925x@2x.jpg||1\n"
	    "varsity-top|varsity-top|Varsity Top|Casual top, grey and black.|"
	    "demo|https://img.example/c.jpg|Front|1\n"
	    "hidden|hidden|Hidden|||||0\n");
	assert_string_equal(
	    ROWS("SELECT product, name, sku, price, compare_at, stock, "
	         "oversell, position FROM variant ORDER BY id"),
	    "blue-shirt|||5000|0|0|1|1\n"
	    "varsity-top|Small|VT-S|6000|7550|4|0|1\n"
	    "varsity-top|Medium|VT-M|6050|0|0|0|2\n"
	    "varsity-top|Large||6100|0|0|1|3\n"
	    "hidden|||900|0|0|1|1\n");
	assert_string_equal(
	    ROWS("SELECT product, slug, name FROM product_category "
	         "ORDER BY product, position"),
	    "blue-shirt|men|men\n"
	    "varsity-top|tops|Tops\n"
	    "varsity-top|women|women\n"
	    "varsity-top|new-in|new in\n");
	assert_string_equal(
	    ROWS("SELECT search FROM product WHERE id = 'varsity-top'"),
	    "\tvarsity\ttop\t\nvarsity top\ndemo\ntops\nwomen\nnew in\n"
	    "casual top, grey and black.\n");
}

static void
reads_any_layout(void **state)
{
	static const char *const same[] = {
	    HEAD "a,A \"B\" C,1.5\nb,\"two\nlines\",2\n",
	    "\xef\xbb\xbf" HEAD "a,\"A \"\"B\"\" C\",1.5\nb,two lines,2\n",
	    "Handle,Title,Variant Price\r\n"
	    "a,\"A \"\"B\"\" C\",1.5\r\nb,\"two\r\nlines\",2\r\n",
	    "Handle,Title,Variant Price\ra,\"A \"\"B\"\" C\",1.5\r"
	    "b,\"two\rlines\",2",
	    "x,variant price,,TITLE,handle\n\n"
	    "?,1.5,\xff,\"A \"\"B\"\" C\",a\n,,,,\n  \n"
	    ",2,,two lines,b\n\n",
	};

	(void)state;
	for (size_t i = 1; i < sizeof(same) / sizeof(same[0]); i++) {
		clear_shop(NULL);
		load(same[i]);
		assert_string_equal(
		    ROWS("SELECT p.handle, title, price FROM product p JOIN "
		         "variant v ON v.product = p.id ORDER BY p.position"),
		    "a|A \"B\" C|150\nb|two lines|200\n");
	}
	refused(same[0], strlen(same[0]),
	    "line 2: a quote stands where none can (seen in line 2); close it, "
	    "or write a value with quotes \"like \"\"this\"\"\"");
}

static void
keeps_every_character(void **state)
{
	static const char title[] =
	    "</script><!--<script>\"'&\xe2\x80\xa8\xe2\x80\xa9 {{X}} \\u0022 "
	    "%s \xf0\x9f\x93\x9a";

	(void)state;
	load(HEAD "a,\"</script><!--<script>\"\"'&\xe2\x80\xa8\xe2\x80\xa9 "
	          "{{X}} \\u0022 %s \xf0\x9f\x93\x9a\",1\n");
	assert_string_equal(ROWS("SELECT title FROM product"),
	    arena_printf(arena, "%s\n", title));
}

static void
three_options(void **state)
{
	(void)state;
	load("Handle,Title,Option1 Name,Option1 Value,Option2 Value,"
	     "Option3 Value,Variant Price\n"
	     "a,A,Size,S,Blue,Wool,1\na,,,S,Blue,Silk,2\na,A,,M,Blue,Silk,3\n"
	     "b,B,Colour,Default Title,,,1\n"
	     "c,C,,,,,1\n");
	assert_string_equal(ROWS("SELECT name FROM variant ORDER BY id"),
	    "S / Blue / Wool\nS / Blue / Silk\nM / Blue / Silk\n"
	    "Default Title\n\n");
}

static void
status_hides(void **state)
{
	(void)state;
	load("Handle,Title,Variant Price,Published,Status\n"
	     "a,A,1,TRUE,active\nb,B,1,true,draft\nc,C,1,,archived\n"
	     "d,D,1,,\ne,E,1,false,active\n");
	assert_string_equal(
	    ROWS("SELECT id, published FROM product ORDER BY id"),
	    "a|1\nb|0\nc|0\nd|1\ne|0\n");
}

static void
loads_again(void **state)
{
	char *ids, *cart;

	(void)state;
	load("ID,Handle,Title,Option1 Name,Option1 Value,Variant Price\n"
	     "1,a,A,Size,S,1\n,a,,,M,2\n2,b,B,Size,S,1\n,c,C,,,1\n");
	ids = ROWS("SELECT id, product, name FROM variant "
	           "WHERE name <> 'S' OR product = '1' ORDER BY id");
	db_begin(db);
	db_run(db, NULL, NULL, "INSERT INTO cart VALUES ('k', 1, 1, 1)");
	db_run(db, NULL, NULL,
	    "INSERT INTO cart_line SELECT 'k', id, 1, 1 FROM variant");
	assert_int_equal(db_commit(db), 0);
	cart = ROWS("SELECT 1 FROM cart_line");

	/* 1 gets a new handle and another order, a variant more; 2 loses its
	 * only variant for another; c stays as it is. */
	load("ID,Handle,Title,Option1 Name,Option1 Value,Variant Price,Tags\n"
	     "3,d,D,,,1,t\n"
	     "1,a2,A2,Size,M,5,u\n,a2,,,S,6,\n,a2,,,L,7,\n2,b,B,Size,XL,1,\n");
	assert_string_equal(
	    ROWS("SELECT id, handle, title FROM product ORDER BY position"),
	    "1|a2|A2\n2|b|B\nc|c|C\n3|d|D\n");
	assert_string_equal(
	    ROWS("SELECT id, product, name FROM variant WHERE name IN "
	         "('S', 'M', '') AND product <> '3' ORDER BY id"),
	    ids);
	assert_string_equal(
	    ROWS("SELECT name, price FROM variant WHERE product = '1' "
	         "ORDER BY position"),
	    "M|500\nS|600\nL|700\n");
	assert_string_equal(
	    ROWS("SELECT name FROM variant WHERE product = '2'"), "XL\n");
	/* Of the cart only the variant that is gone. */
	assert_int_equal(
	    strlen(ROWS("SELECT 1 FROM cart_line")), strlen(cart) - 2);

	/* Without an ID the handle finds it; handles change places. */
	load(HEAD "a2,A3,9\n");
	assert_string_equal(
	    ROWS("SELECT title FROM product WHERE id = '1'"), "A3\n");
	load("ID,Handle,Title,Variant Price\n1,b,One,1\n2,a2,Two,1\n");
	assert_string_equal(
	    ROWS("SELECT id, handle, title FROM product WHERE id IN "
	         "('1', '2') ORDER BY id"),
	    "1|b|One\n2|a2|Two\n");
}

static void
same_file_twice(void **state)
{
	static const char what[] =
	    "SELECT id, handle, title, search, position FROM product "
	    "ORDER BY id";
	char *products, *variants, *categories;

	(void)state;
	load(export_csv);
	products = ROWS(what);
	variants = ROWS("SELECT * FROM variant ORDER BY id");
	categories = ROWS("SELECT * FROM product_category ORDER BY 1, 2");
	load(export_csv);
	assert_string_equal(ROWS(what), products);
	assert_string_equal(
	    ROWS("SELECT * FROM variant ORDER BY id"), variants);
	assert_string_equal(
	    ROWS("SELECT * FROM product_category ORDER BY 1, 2"), categories);
}

#define SHOP "ID,Handle,Title,Variant Price\n"
#define OPTIONS                                                                \
	"Handle,Title,Option1 Name,Option1 Value,Option2 Value,Variant Price," \
	"Image Src\n"
#define STOCK                                                                  \
	"Handle,Title,Variant Price,Variant Inventory Qty,"                    \
	"Variant Inventory Policy,Variant Compare At Price,Image Src,"         \
	"Image Position,Published\n"

static const struct {
	const char *csv, *error;
} errors[] = {
    {"", "the file is empty; its first row names the columns (Handle, Title, "
         "Variant Price, ..)"},
    {"\xef\xbb\xbf\n \r\n",
        "the file is empty; its first row names the columns (Handle, Title, "
        "Variant Price, ..)"},
    {"Title,Variant Price\nA,1\n",
        "line 1: there is no column \"Handle\"; the first row names the "
        "columns, parted by commas"},
    {"\n\nHandle;Title;Variant Price\na;A;1\n",
        "line 3: there is no column \"Handle\"; the first row names the "
        "columns, parted by commas"},
    {"Handle,Title\na,A\n",
        "line 1: there is no column \"Variant Price\"; the first row names "
        "the columns, parted by commas"},
    {"Handle,Title,Variant Price,title\na,A,1,A\n",
        "line 1: there are two columns \"Title\"; keep one"},
    {"Handle,Ti\xfftle,Variant Price\n",
        "line 1: a column's name is not UTF-8; save the file as "
        "\"CSV UTF-8\""},
    {HEAD, "the file has no product below its first row, which names the "
           "columns"},
    {HEAD "a,A,1\nb,B\n",
        "line 3: the row has 2 columns, the header 3; a value with a comma "
        "must be in quotes"},
    {HEAD "a,A,1\n\nb,B,1,5\n",
        "line 4: the row has 4 columns, the header 3; a value with a comma "
        "must be in quotes"},
    {HEAD "a,A,1\nb,\"B,1\nc,C,1\n",
        "line 3: a quote is opened in this row and never closed"},
    {HEAD "a,A,1\nb,\"B,1\nc,\"C\",1\n",
        "line 3: a quote stands where none can (seen in line 4); close it, or "
        "write a value with quotes \"like \"\"this\"\"\""},
    {HEAD "a,caf\xe9,1\n",
        "line 2: Title is not UTF-8; save the file as \"CSV UTF-8\""},
    {HEAD "a,\xed\xa0\x80,1\n",
        "line 2: Title is not UTF-8; save the file as \"CSV UTF-8\""},
    {HEAD "a,A\033[31m,1\n",
        "line 2: Title has a control character; delete it"},
    {HEAD "a,A,1\n,B,1\n",
        "line 3: Handle is empty; each row names its product by its handle"},
    {HEAD "a/b,A,1\n",
        "line 2: Handle \"a/b\" cannot stand in an address; use letters, "
        "digits and hyphens, like blue-shirt"},
    {HEAD "a b,A,1\n",
        "line 2: Handle \"a b\" cannot stand in an address; use letters, "
        "digits and hyphens, like blue-shirt"},
    {HEAD "a\xe2\x80\xa8,A,1\n",
        "line 2: Handle \"a\xe2\x80\xa8\" cannot stand in an address; use "
        "letters, digits and hyphens, like blue-shirt"},
    {HEAD "..,A,1\n", "line 2: Handle \"..\" cannot stand in an address"},
    {HEAD "a,,1\n",
        "line 2: Title is empty; a product's first row has its name"},
    /* Newlines in quotes count. */
    {HEAD "a,\"A\n\r\n\",1\nb,B,abc\n",
        "line 5: Variant Price \"abc\" is no amount; write it like 19.99"},
    {HEAD "a,A,\n", "line 2: Variant Price is empty; write it like 19.99"},
    {HEAD "a,A,-1\n",
        "line 2: Variant Price \"-1\" is no amount; write it like 19.99"},
    {HEAD "a,A,1.005\n",
        "line 2: Variant Price \"1.005\" is no amount; write it like 19.99"},
    {HEAD "a,A,\"1,000\"\n",
        "line 2: Variant Price \"1,000\" is no amount; write it like 19.99"},
    {HEAD "a,A,10000000.01\n",
        "line 2: Variant Price \"10000000.01\" is too much; at most "
        "$10,000,000.00"},
    {HEAD "a,A,99999999999999999999999999999999999999999999999\n",
        "line 2: Variant Price \"9999999999999999999999999999999999999999..\" "
        "is no amount; write it like 19.99"},
    {HEAD "a,A,1\nb,B,1\na,A,1\n",
        "line 4: Handle \"a\" is in use since line 2; put the rows of a "
        "product together, or rename one"},
    {HEAD "a,A,1\na,B,1\n",
        "line 3: Title is not that of line 2, which has the same Handle; leave "
        "it empty, or give this product a Handle of its own"},
    {HEAD "a,A,1\na,,\n",
        "line 3: the row has neither a variant (option, SKU, price) nor an "
        "image; delete it"},
    {HEAD "a,A,1\na,,2\n",
        "line 3: Option1 Value makes the variant \"Default Title\", which line "
        "2 has; give each variant its own options"},
    {SHOP "1,a,A,1\n2,a,,1\n",
        "line 3: ID is not that of line 2, which has the same Handle; leave it "
        "empty, or give this product a Handle of its own"},
    {SHOP "1,a,A,1\n1,b,B,1\n",
        "line 3: ID \"1\" is that of line 2; give each product its own"},
    {SHOP ",a,A,1\na,b,B,1\n",
        "line 3: ID \"a\" is that of line 2; give each product its own"},
    {OPTIONS "a,A,Size,S,,1,\na,,,S,,2,\n",
        "line 3: Option1 Value makes the variant \"S\", which line 2 has; give "
        "each variant its own options"},
    {OPTIONS "a,A,Size,S,Red,1,\na,,,M,,2,\n",
        "line 3: Option2 Value is empty here and not in line 2; the variants "
        "of a product have the same options"},
    {OPTIONS "a,A,Title,Default Title,,1,\na,,,M,,2,\n",
        "line 3: Option1 Value is not empty here and in line 2; the variants "
        "of a product have the same options"},
    {OPTIONS "a,A,Size,S,,1,\na,,,M,,,\n",
        "line 3: Variant Price is empty; write it like 19.99"},
    {STOCK "a,A,1,many,,,,,\n",
        "line 2: Variant Inventory Qty \"many\" is no whole number; write it "
        "like 12"},
    {STOCK "a,A,1,1.5,,,,,\n",
        "line 2: Variant Inventory Qty \"1.5\" is no whole number; write it "
        "like 12"},
    {STOCK "a,A,1,-,,,,,\n",
        "line 2: Variant Inventory Qty \"-\" is no whole number; write it "
        "like 12"},
    {STOCK "a,A,1,1000000001,,,,,\n",
        "line 2: Variant Inventory Qty \"1000000001\" is too large; at most "
        "1000000000"},
    {STOCK "a,A,1,,maybe,,,,\n",
        "line 2: Variant Inventory Policy is neither deny (sell what is in "
        "stock) nor continue (sell on)"},
    {STOCK "a,A,1,,,x,,,\n",
        "line 2: Variant Compare At Price \"x\" is no amount; write it like "
        "19.99"},
    {STOCK "a,A,1,,,,,x,\n", NULL},
    {STOCK "a,A,1,,,,,,yes\n",
        "line 2: Published \"yes\" is neither true nor false"},
};

static void
each_error(void **state)
{
	(void)state;
	load(SHOP "77,old,Old,1\nx,taken,Taken,1\n");
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (errors[i].error != NULL)
			refused(errors[i].csv, strlen(errors[i].csv),
			    errors[i].error);
	/* Against what is in the shop; the good rows before are undone. */
	refused(SHOP "1,a,A,1\n78,old,Old,1\n", strlen(SHOP) + 21,
	    "line 3: Handle \"old\" is that of product \"77\" in the shop; "
	    "give it that ID, or another Handle");
	refused(HEAD "a,A,1\nx,X,1\n", strlen(HEAD) + 12,
	    "line 3: the ID \"x\" is in use in the shop; give the product "
	    "another in a column ID");
	refused(HEAD "a,A\0,1\n", strlen(HEAD) + 7,
	    "line 2: there is a NUL; save the file as \"CSV UTF-8\"");
	refused("\xff\xfeH\0a\0n\0", 8,
	    "line 1: there is a NUL; save the file as \"CSV UTF-8\"");
}

static void
lengths(void **state)
{
	char text[70100], *end;

	(void)state;
	strcpy(text, HEAD "a,");
	for (int i = 0; i < 255; i++)
		strcat(text, "\xc3\xa9");
	load(strcat(text, ",1\n"));
	strcpy(text, HEAD "a,");
	for (int i = 0; i < 256; i++)
		strcat(text, "x");
	strcat(text, ",1\n");
	refused(text, strlen(text),
	    "line 2: Title \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx..\" has "
	    "256 characters; shorten it to 255");
	strcpy(text, "Handle,Title,Variant Price,Body (HTML)\na,A,1,");
	end = text + strlen(text);
	memset(end, 'x', 65537);
	end[65537] = '\0';
	refused(text, strlen(text),
	    "line 2: Body (HTML) has 65537 bytes; shorten it to 65536");
}

static void
images(void **state)
{
	static const struct {
		const char *url;
		bool ok;
	} table[] = {
	    {"https://a.example/b_925x@2x.jpg?v=1", true},
	    {"HTTP://a.example/b.jpg", true},
	    {"/images/a.png", true},
	    {"/images/\xc3\xa9.png", true},
	    {"", true},
	    {"//evil.example/a.png", false},
	    {"/\\evil.example/a.png", false},
	    {"\\\\evil.example", false},
	    {"images/a.png", false},
	    {"javascript:alert(1)", false},
	    {"data:image/png;base64,AAAA", false},
	    {"ftp://a.example/a.png", false},
	    {"file:///etc/passwd", false},
	    {"https:///a.png", false},
	    {"https://", false},
	    {"https:a.png", false},
	    {"https://a.example/a b.png", false},
	    {"https://a.example/<b>.png", false},
	    {"/a\tb.png", false},
	    {"/a\nb.png", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct import_counts counts;
		const char *csv = arena_printf(arena,
		    "Handle,Title,Variant Price,Image Src\na,A,1,\"%s\"\n",
		    table[i].url);

		if (catalog_import(db, csv, strlen(csv), "USD", &counts) !=
		    (table[i].ok ? 0 : -1))
			fail_msg("%s", table[i].url);
		if (!table[i].ok)
			assert_non_null(strstr(shop_error(),
			    "is no address of an image; write an address "
			    "like"));
	}
}

static void
html(void **state)
{
	static const char *const table[][2] = {
	    {"", ""},
	    {"Plain  text\nwith lines. ", "Plain text with lines."},
	    {"Fish & chips < caviar", "Fish & chips < caviar"},
	    {"<p>One</p><p>Two</p>", "One\n\nTwo"},
	    {"<p>One</p>\n\n<p>&nbsp;</p>\n<p>Two</p>", "One\n\nTwo"},
	    {"One<br>two<br/>\n<br>three", "One\ntwo\n\nthree"},
	    {"<ul><li>a</li> <li>b</li></ul>c", "a\nb\n\nc"},
	    {"<table><tr><td>a</td><td>b</td></tr><tr><td>c</table>", "a b\nc"},
	    {"a<script>alert('</p>')</script>b<style>p{}</style>c", "abc"},
	    {"a<!-- <p>no</p> -->b", "ab"},
	    {"a<script>never closed", "a"},
	    {"a<!-- never closed", "a"},
	    {"<b>bold</b> and <a href=\"javascript:x\">link</a>",
	        "bold and link"},
	    {"<p>un<b>closed <i>all</p>over", "unclosed all\n\nover"},
	    {"</div></p>x", "x"},
	    {"&lt;b&gt; &amp;amp; &eacute;&#8364;&#x1F4DA; &bogus;",
	        "<b> &amp; \xc3\xa9\xe2\x82\xac\xf0\x9f\x93\x9a &bogus;"},
	    {"a&#0;b&#1;c&#x7f;d&#xD800;e", "abcde"},
	    {"<meta charset=\"iso-8859-1\"><p>\xc3\xa9\xe2\x82\xac</p>",
	        "\xc3\xa9\xe2\x82\xac"},
	    {"<?xml version=\"1.0\" encoding=\"latin1\"?>\xc3\xa9", "\xc3\xa9"},
	    {"<img src=x onerror=alert(1)>after", "after"},
	    {"<svg><p>in</p></svg>after", "after"},
	    {"<p", ""},
	    {"<h2>Head</h2>text\xc2\xa0here\xc2\xa0",
	        "Head\n\ntext\xc2\xa0here"},
	    {"<p>One \xc2\xa0</p><p>Two&nbsp; &nbsp;<br>three", "One\n\nTwo\nthree"},
	};
	struct text deep = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_string_equal(html_text(arena, table[i][0]), table[i][1]);
	/* Deeper than a tree's limit. */
	for (int i = 0; i < 5000; i++)
		text_add(&deep, "<div><b>");
	text_add(&deep, "bottom");
	assert_string_equal(html_text(arena, deep.data), "bottom");
	text_free(&deep);
}

static void
slugs(void **state)
{
	static const char *const table[][2] = {
	    {"Kids & Co.", "kids-co"},
	    {"  New in!  ", "new-in"},
	    {"\xc3\x89t\xc3\xa9", "\xc3\xa9t\xc3\xa9"},
	    {"C++", "c"},
	    {"a/b?c#d%e", "a-b-c-d-e"},
	    {"\xe2\x98\x85", "c-e29885"},
	    {"..", "c-2e2e"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_string_equal(slug_of(arena, table[i][0]), table[i][1]);
}

/* A database that fails half-way leaves nothing either. */
static void
database_fails(void **state)
{
	struct import_counts counts;
	const char *csv = HEAD "old,New,2\nb,B,3\nc,C,3\n";
	char *before;

	(void)state;
	load(HEAD "old,Old,1\n");
	before = content();
	db_run(
	    db, NULL, NULL, "CREATE UNIQUE INDEX fails ON variant (price)");
	assert_int_equal(
	    catalog_import(db, csv, strlen(csv), "USD", &counts), -1);
	db_run(db, NULL, NULL, "DROP INDEX fails");
	assert_string_equal(content(), before);
	/* The transaction is closed. */
	assert_int_equal(db_begin(db), 0);
	db_rollback(db);
}

/* Any cut of a file loads or is refused; it does not crash. */
static void
every_cut(void **state)
{
	struct import_counts counts;
	const size_t length = strlen(export_csv);

	(void)state;
	for (size_t n = 0; n <= length; n += 3) {
		char *cut = malloc(n + 1); /* exact: an overrun is seen */

		memcpy(cut, export_csv, n);
		catalog_import(db, cut, n, "USD", &counts);
		free(cut);
	}
}

static void
ten_thousand(void **state)
{
	struct import_counts counts;
	struct text text = {0};

	(void)state;
	text_add(&text, "Handle,Title,Body (HTML),Type,Option1 Value,"
	                "Variant Price\n");
	for (int i = 0; i < 10000; i++) {
		text_printf(&text,
		    "p%d,Product %d,<p>It is number <b>%d</b>.</p>,Type %d,S,"
		    "%d.99\np%d,,,,M,%d.50\n",
		    i, i, i, i % 7, i % 100, i, i % 100);
	}
	assert_int_equal(
	    catalog_import(db, text.data, text.length, "USD", &counts), 0);
	text_free(&text);
	assert_int_equal(counts.products, 10000);
	assert_int_equal(counts.variants, 20000);
	assert_string_equal(ROWS("SELECT COUNT(*), MAX(position) FROM product"),
	    "10000|10000\n");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, clear_shop)
	const struct CMUnitTest tests[] = {
	    TEST(reads_an_export),
	    TEST(reads_any_layout),
	    TEST(keeps_every_character),
	    TEST(three_options),
	    TEST(status_hides),
	    TEST(loads_again),
	    TEST(same_file_twice),
	    TEST(each_error),
	    TEST(lengths),
	    TEST(images),
	    TEST(html),
	    TEST(slugs),
	    TEST(database_fails),
	    TEST(every_cut),
	    TEST(ten_thousand),
	};

	return cmocka_run_group_tests(tests, open_shop, close_shop);
}
