-- Fills the collections of an older shop.  Once their triggers are there: from then
-- on nothing escapes them.

INSERT INTO collection_product (product, slug, position)
  SELECT c.product, c.slug, p.position FROM product_category c
  JOIN product p ON p.id = c.product
  WHERE p.published = 1 AND c.slug <> ''
  ON CONFLICT (product, slug) DO UPDATE SET position = excluded.position;

INSERT INTO collection (slug, products)
  SELECT slug, COUNT(*) FROM collection_product GROUP BY slug
  ON CONFLICT (slug) DO UPDATE SET products = excluded.products;
