/*
 * books.h - the guide's own example: a cart and an order of two books.
 */
#ifndef BOOKS_H
#define BOOKS_H

#include "klaviyo.h"

#define SHOP "http://www.example.com/path/to/"

static const char *const pooh_categories[] = {"Fiction", "Children"};
static const char *const tale_categories[] = {"Fiction", "Classics"};

static const struct klaviyo_item books[] = {
    {.product_id = "1111",
        .sku = "WINNIEPOOH",
        .name = "Winnie the Pooh",
        .brand = "Kids Books",
        .url = SHOP "product",
        .image_url = SHOP "product/image.png",
        .categories = pooh_categories,
        .ncategories = 2,
        .price = 999,
        .quantity = 1},
    {.product_id = "1112",
        .sku = "TALEOFTWO",
        .name = "A Tale of Two Cities",
        .brand = "Harcourt Classics",
        .url = SHOP "product2",
        .image_url = SHOP "product/image2.png",
        .categories = tale_categories,
        .ncategories = 2,
        .price = 1999,
        .compare_at_price = 2500,
        .quantity = 1},
};

static inline struct klaviyo_cart
books_cart(void)
{
	return (struct klaviyo_cart){.id = "1000123",
	    .revision = 2,
	    .changed_at = 1387299423,
	    .currency = "USD",
	    .value = 2998,
	    .checkout_url = SHOP "checkout",
	    .items = books,
	    .nitems = 2};
}

static inline struct klaviyo_order
books_order(void)
{
	return (struct klaviyo_order){
	    .id = "d47aeda5-1751-4483-a81e-6fcc8ad48711",
	    .time = 1667865600,
	    .currency = "USD",
	    .total = 2998,
	    .discount_code = "Free Shipping",
	    .discount = 500,
	    .items = books,
	    .nitems = 2,
	    .billing = {.first_name = "John",
	        .last_name = "Smith",
	        .address1 = "123 Abc St",
	        .city = "Boston",
	        .region_code = "MA",
	        .country_code = "US",
	        .zip = "02110",
	        .phone = "+15551234567"},
	    .shipping = {.address1 = "123 Abc St"},
	    .profile = {.email = "sarah.mason@klaviyo-demo.com",
	        .phone_number = "+15005550006"}};
}

#endif
