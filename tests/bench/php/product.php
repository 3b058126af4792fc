<?php
/*
 * product.php - the product page: the storefront's, byte for byte.
 *
 * KEEP (settings.php) says how much of it is kept: "parts", the menu and the
 * list of related products; or "page", all that is the same for everyone.
 */
declare(strict_types=1);

require __DIR__ . '/shop.php';

function buyable(array $v): bool
{
	return $v['oversell'] || $v['stock'] > 0;
}

function stock_text(array $v): string
{
	if ($v['stock'] > 5)
		return 'In stock';
	if ($v['stock'] > 0)
		return $v['oversell'] ? 'In stock' : "Only {$v['stock']} left";
	return $v['oversell'] ? 'Sent within two weeks' : 'Sold out';
}

function was(array $v): string
{
	return $v['compare_at'] > $v['price'] ? money($v['compare_at']) : '';
}

function menu(): array
{
	return rows(
		'SELECT g.slug, (SELECT name FROM product_category ' .
		'WHERE product = g.first AND slug = g.slug) AS name FROM (' .
		'SELECT c.slug AS slug, ' .
		'(SELECT f.product FROM collection_product f ' .
		'WHERE f.slug = c.slug ORDER BY f.position, f.product LIMIT 1) ' .
		'AS first FROM collection c) g ORDER BY ' .
		'(SELECT position FROM product WHERE id = g.first), g.first, ' .
		'(SELECT position FROM product_category ' .
		'WHERE product = g.first AND slug = g.slug), g.slug');
}

function related(string $id): array
{
	return rows('WITH RECURSIVE mine AS (' .
		'SELECT c.slug AS slug, c.position AS position, ' .
		'c.product AS product FROM product_category o ' .
		'JOIN collection_product c ' .
		'ON c.product = o.product AND c.slug = o.slug ' .
		'WHERE o.product = ?1 ORDER BY o.position, o.slug LIMIT 8), ' .
		'walk AS (SELECT slug, position, product, 0 AS step FROM mine ' .
		'UNION ALL ' .
		'SELECT n.slug, n.position, n.product, w.step + 1 ' .
		'FROM walk w CROSS JOIN collection_product n ' .
		'WHERE w.step < 12 AND n.product <> ?1 AND n.slug = w.slug ' .
		'AND n.product = COALESCE(' .
		'(SELECT a.product FROM collection_product a ' .
		'WHERE a.slug = w.slug AND a.position = w.position ' .
		'AND a.product > w.product ORDER BY a.product LIMIT 1), ' .
		'(SELECT b.product FROM collection_product b ' .
		'WHERE b.slug = w.slug AND b.position > w.position ' .
		'ORDER BY b.position, b.product LIMIT 1), ' .
		'(SELECT c.product FROM collection_product c ' .
		'WHERE c.slug = w.slug ' .
		'ORDER BY c.position, c.product LIMIT 1))) ' .
		'SELECT p.handle, p.title, p.vendor, p.image, p.image_alt, ' .
		'(SELECT MIN(price) FROM variant WHERE product = p.id) AS low, ' .
		'(SELECT MAX(price) FROM variant WHERE product = p.id) AS high, ' .
		'(SELECT compare_at FROM variant WHERE product = p.id ' .
		'ORDER BY price, position, id LIMIT 1) AS was, ' .
		'(SELECT MAX(CASE WHEN stock > 0 OR oversell = 1 ' .
		'THEN 1 ELSE 0 END) FROM variant WHERE product = p.id) AS there ' .
		'FROM (SELECT k.product AS id, k.position AS position, ' .
		'(SELECT COUNT(*) FROM mine m CROSS JOIN collection_product s ' .
		'WHERE s.product = k.product AND s.slug = m.slug) AS shared, ' .
		'CASE WHEN (k.position, k.product) > (t.position, t.product) ' .
		'THEN 0 ELSE 1 END AS wrapped ' .
		'FROM (SELECT DISTINCT product, position FROM walk ' .
		'WHERE step > 0) k CROSS JOIN ' .
		'(SELECT position, product FROM mine LIMIT 1) t ' .
		'ORDER BY shared DESC, wrapped, k.position, k.product LIMIT 4) f ' .
		'JOIN product p ON p.id = f.id ' .
		'ORDER BY f.shared DESC, f.wrapped, f.position, f.id', [$id]);
}

function json(array $value): string
{
	return json_encode($value, JSON_HEX_TAG | JSON_HEX_AMP |
		JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE |
		JSON_THROW_ON_ERROR);
}

function absolute(string $path): string
{
	return $path !== '' && $path[0] === '/' ? URL . $path : $path;
}

/* The events' script element, with the policy's hash of it. */
function events(array $p, array $shown, array $categories): array
{
	$names = array_column($categories, 'name');
	$url = URL . '/products/' . rawurlencode($p['handle']);
	$price = amount($shown['price']);
	$was = was($shown) !== '' ? amount($shown['compare_at']) : null;
	$viewed = array_filter(['ProductName' => $p['title'],
		'ProductID' => $p['id'], 'SKU' => $shown['sku'],
		'Categories' => $names, 'ImageURL' => absolute($p['image']),
		'URL' => $url, 'Brand' => $p['vendor'], 'Price' => $price,
		'CompareAtPrice' => $was]);
	$item = array_filter(['Title' => $p['title'], 'ItemId' => $p['id'],
		'Categories' => $names, 'ImageUrl' => absolute($p['image']),
		'Url' => $url, 'Metadata' => array_filter([
			'Brand' => $p['vendor'], 'Price' => $price,
			'CompareAtPrice' => $was])]);
	$script = "\n(function () {\n    klaviyo.track(\"Viewed Product\", " .
		json($viewed) . ");\n    klaviyo.trackViewedItem(" . json($item) .
		");\n\n})();\n";
	return [$script,
		" 'sha256-" . base64_encode(hash('sha256', $script, true)) . "'"];
}

/* [page around the number in the cart, the policy's hash]; null: no such page. */
function page(string $handle): ?array
{
	$p = rows('SELECT id, handle, title, body, vendor, image, image_alt ' .
		'FROM product WHERE handle = ? AND published = 1', [$handle])[0]
		?? null;
	if ($p === null)
		return null;
	$variants = rows('SELECT id, name, sku, price, compare_at, stock, ' .
		'oversell FROM variant WHERE product = ? ORDER BY position, id',
		[$p['id']]);
	$categories = rows('SELECT slug, name FROM product_category ' .
		'WHERE product = ? ORDER BY position', [$p['id']]);
	$shown = $variants[0];
	foreach ($variants as $v)
		if (buyable($v)) {
			$shown = $v;
			break;
		}
	$gone = array_filter($variants, fn($v) => !buyable($v));
	$menu = kept('menu', menu(...));
	$related = kept('related' . $p['id'], fn() => related($p['id']));
	[$events, $hash] = events($p, $shown, $categories);
	ob_start();
	require __DIR__ . '/product.phtml';
	return [explode("\0", ob_get_clean()), $hash];
}

function main(): void
{
	$handle = rawurldecode(substr($_SERVER['DOCUMENT_URI'],
		strlen('/products/')));
	$session = session();
	$units = $session === null ? 0 : (int)(rows('SELECT SUM(quantity) AS n ' .
		'FROM cart_line WHERE cart = ?', [$session['cart']])[0]['n'] ?? 0);
	$page = KEEP === 'page' ? kept($handle, fn() => page($handle))
		: page($handle);
	if ($page === null) {
		http_response_code(404);
		return;
	}
	$text = $page[0][0] . ($units === 0 ? ' hidden' : '') . $page[0][1] .
		$units . $page[0][2];
	$hosts = ' ' . implode(' ', HOSTS);
	header("Content-Security-Policy: default-src 'none'; script-src " .
		"'strict-dynamic'" . HASHES . "$page[1]; connect-src 'self'$hosts; " .
		"img-src 'self' data: https:; style-src 'self' " .
		"'unsafe-inline'$hosts; font-src 'self'$hosts; form-action 'self'; " .
		"base-uri 'none'; frame-ancestors 'none'");
	header('Content-Type: text/html; charset=utf-8');
	header('X-Content-Type-Options: nosniff');
	header('Referrer-Policy: strict-origin-when-cross-origin');
	if ($session === null) {
		$tag = '"' . hash('xxh128', $text) . '"';
		header("ETag: $tag");
		header('Cache-Control: public, max-age=60');
		header('Vary: Cookie');
		if (str_contains($_SERVER['HTTP_IF_NONE_MATCH'] ?? '', $tag)) {
			http_response_code(304);
			return;
		}
	} else {
		header('Cache-Control: private, no-store');
	}
	header('Content-Length: ' . strlen($text));
	echo $text;
}

main();
