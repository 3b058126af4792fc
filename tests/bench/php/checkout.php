<?php
/*
 * checkout.php - the checkout's form, posted: an order, as the storefront makes
 * one.  Sums are of the database; order, lines, stock and events are one
 * transaction, WAL with synchronous=FULL; the answer follows the commit.
 *
 * Writers queue by a lock file, which is faster, and fairer by far, than
 * SQLite's own waiting (it sleeps and tries again, and some wait for seconds).
 */
declare(strict_types=1);

require __DIR__ . '/shop.php';

const FIELDS = ['email', 'phone', 'first_name', 'last_name', 'address1',
	'address2', 'city', 'region', 'zip', 'country', 'billing_first_name',
	'billing_last_name', 'billing_address1', 'billing_address2',
	'billing_city', 'billing_region', 'billing_zip', 'billing_country',
	'discount', 'shipping', 'payment'];
const ADDRESS = ['first_name', 'last_name', 'address1', 'address2', 'city',
	'region', 'zip', 'country'];
const NEEDED = ['email', 'first_name', 'last_name', 'address1', 'city', 'zip',
	'country', 'shipping', 'payment'];
const MOST = 240;
const BURST = 20; /* orders of an address, */
const EACH = 360; /* and seconds until there is one more */

function refuse(int $status, string $why): never
{
	http_response_code($status);
	header('Cache-Control: private, no-store');
	exit($why);
}

function answer(string $order): never
{
	http_response_code(303);
	header('Location: ' . URL . '/orders/' . $order);
	header('Cache-Control: private, no-store');
	header('X-Content-Type-Options: nosniff');
	header('Referrer-Policy: strict-origin-when-cross-origin');
	exit;
}

function one(string $sql, array $arguments): ?array
{
	return rows($sql, $arguments)[0] ?? null;
}

/* A statement that writes: how many rows. */
function run(string $sql, array $arguments): int
{
	$statement = db()->prepare($sql);
	$statement->execute($arguments);
	return $statement->rowCount();
}

function random_id(): string
{
	$letters = '0123456789abcdefghjkmnpqrstvwxyz';
	$id = '';
	foreach (str_split(random_bytes(16)) as $byte)
		$id .= $letters[ord($byte) & 31];
	return $id;
}

function amount_off(string $code, int $subtotal): array
{
	$code = strtoupper(preg_replace('/\s+/', '', $code));
	if ($code === '')
		return ['', 0, false];
	$rule = one('SELECT code, kind, value, minimum FROM discount ' .
		'WHERE code = ?', [$code]);
	if ($rule === null || $subtotal < $rule['minimum'])
		refuse(422, 'discount');
	return match ($rule['kind']) {
		'percent' => [$code, intdiv($subtotal * $rule['value'], 100), false],
		'amount' => [$code, min($rule['value'], $subtotal), false],
		default => [$code, 0, true],
	};
}

/* The address as Klaviyo has it in an order. */
function order_address(array $a, string $phone): array
{
	return array_filter(['FirstName' => $a['first_name'],
		'LastName' => $a['last_name'], 'Address1' => $a['address1'],
		'Address2' => $a['address2'], 'City' => $a['city'],
		'Region' => $a['region'],
		'RegionCode' => preg_match('/^[A-Z0-9]{2,3}$/', $a['region'])
			? $a['region'] : '',
		'CountryCode' => $a['country'], 'Zip' => $a['zip'],
		'Phone' => $phone], strlen(...));
}

function text(mixed $value): string
{
	return json_encode($value, JSON_UNESCAPED_SLASHES |
		JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR);
}

function event(string $metric, string $id, array $properties, int $value,
	int $now): string
{
	return text(['properties' => $properties,
		'time' => gmdate('Y-m-d\TH:i:s\Z', $now), 'value' => amount($value),
		'value_currency' => 'USD', 'unique_id' => $id,
		'metric' => ['data' => ['type' => 'metric',
			'attributes' => ['name' => $metric]]]]);
}

/* The rows of the outbox: [id, profile, event]. */
function events(array $o, array $lines, array $home, array $ship): array
{
	$items = $all = $brands = [];
	$profile = text(['type' => 'profile', 'attributes' => array_filter([
		'email' => $o['email'], 'phone_number' => $o['phone'],
		'first_name' => $home['first_name'],
		'last_name' => $home['last_name'],
		'location' => array_filter(['address1' => $home['address1'],
			'address2' => $home['address2'], 'city' => $home['city'],
			'region' => $home['region'], 'country' => $home['country'],
			'zip' => $home['zip']], strlen(...))])]);
	foreach ($lines as $l) {
		$url = URL . '/products/' . rawurlencode($l['handle']);
		$image = $l['image'][0] === '/' ? URL . $l['image'] : $l['image'];
		$items[] = array_filter(['ProductID' => $l['product'],
			'SKU' => $l['sku'], 'ProductName' => $l['title'],
			'Quantity' => $l['quantity'], 'ItemPrice' => amount($l['price']),
			'RowTotal' => amount($l['price'] * $l['quantity']),
			'ProductURL' => $url, 'ImageURL' => $image,
			'Categories' => $l['categories'], 'Brand' => $l['vendor']]);
		$all = array_merge($all, $l['categories']);
		$brands[] = $l['vendor'];
	}
	$made = [["Placed Order/$o[id]", $profile, event('Placed Order', $o['id'],
		array_filter(['OrderId' => $o['id'],
			'Categories' => array_values(array_unique($all)),
			'ItemNames' => array_column($lines, 'title'),
			'DiscountCode' => $o['code'],
			'DiscountValue' => amount($o['discount']),
			'ShippingMethod' => $o['method'],
			'Brands' => array_values(array_unique($brands)),
			'Items' => $items,
			'BillingAddress' => order_address($home, $o['phone']),
			'ShippingAddress' => order_address($ship, $o['phone'])]),
		$o['total'], $o['time'])]];
	foreach ($lines as $n => $l) {
		$id = "$o[id]:" . ($n + 1);
		$item = $items[$n];
		$made[] = ["Ordered Product/$id", $profile, event('Ordered Product',
			$id, ['OrderId' => $o['id'], 'ProductID' => $l['product'],
				'SKU' => $l['sku'], 'ProductName' => $l['title'],
				'Quantity' => $l['quantity'],
				'ProductURL' => $item['ProductURL'],
				'ImageURL' => $item['ImageURL'],
				'Categories' => $l['categories'],
				'ProductBrand' => $l['vendor']],
			$l['price'] * $l['quantity'], $o['time'])];
	}
	return $made;
}

/* Within the transaction; false: the cart has changed, or it is sold out. */
function place(array $o, array $lines, array $session, string $key,
	string $hash, array $events, string $bucket): bool
{
	if (one('SELECT id FROM orders WHERE key = ?', [$key]) !== null ||
		run('UPDATE cart SET revision = revision + 1, changed_at = ?3 ' .
			'WHERE id = ?1 AND revision = ?2',
			[$session['cart'], $o['revision'], $o['time']]) !== 1)
		return false;
	run('DELETE FROM cart_line WHERE cart = ?', [$session['cart']]);
	run('DELETE FROM cart_added WHERE cart = ?', [$session['cart']]);
	run('INSERT INTO orders (id, session, key, body_hash, time, currency, ' .
		'status, email, phone, shipping_address, billing_address, ' .
		'shipping_name, discount_code, subtotal, discount, shipping, total) ' .
		"VALUES (?, ?, ?, ?, ?, 'USD', 'placed', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		[$o['id'], $session['id'], $key, $hash, $o['time'], $o['email'],
			$o['phone'], $o['ship'], $o['home'], $o['method'], $o['code'],
			$o['subtotal'], $o['discount'], $o['shipping'], $o['total']]);
	$stock = db()->prepare('UPDATE variant SET stock = stock - ?2 ' .
		'WHERE id = ?1 AND (oversell = 1 OR stock >= ?2)');
	$line = db()->prepare('INSERT INTO order_line (orders, line, variant, ' .
		'product, handle, title, variant_name, sku, vendor, image, ' .
		'categories, price, quantity) ' .
		'VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
	$outbox = db()->prepare('INSERT INTO klaviyo_outbox (id, kind, lane, ' .
		"profile, event, created_at, due_at) VALUES (?, 'event', 0, ?, ?, " .
		'?4, ?4) ON CONFLICT (id) DO NOTHING');
	foreach ($lines as $n => $l) {
		$stock->execute([$l['id'], $l['quantity']]);
		if ($stock->rowCount() !== 1)
			return false;
		$line->execute([$o['id'], $n + 1, $l['id'], $l['product'],
			$l['handle'], $l['title'], $l['name'], $l['sku'], $l['vendor'],
			$l['image'], implode("\n", $l['categories']), $l['price'],
			$l['quantity']]);
	}
	foreach ($events as [$id, $profile, $event])
		$outbox->execute([$id, $profile, $event, $o['time']]);
	run('UPDATE session SET email = ?, phone = ?, first_name = ?, ' .
		'last_name = ? WHERE id = ?', [$o['email'], $o['phone'],
			$o['first_name'], $o['last_name'], $session['id']]);
	/* Orders of an address are counted: twenty, then one in six minutes. */
	return run('INSERT INTO throttle (key, full_at) VALUES (?1, ?2 + ?3) ' .
		'ON CONFLICT (key) DO UPDATE SET full_at = ' .
		'MAX(throttle.full_at, ?2) + ?3 WHERE throttle.full_at <= ?4',
		[$bucket, $o['time'], EACH, $o['time'] + (BURST - 1) * EACH]) === 1;
}

function read_form(): array
{
	$form = [];
	foreach (FIELDS as $name)
		$form[$name] = trim(preg_replace('/\s+/', ' ', $_POST[$name] ?? ''));
	foreach (NEEDED as $name)
		if ($form[$name] === '')
			refuse(422, $name);
	foreach ($form as $name => $value)
		if (strlen($value) > MOST)
			refuse(422, $name);
	if (!filter_var($form['email'], FILTER_VALIDATE_EMAIL) ||
		$form['payment'] !== 'approve')
		refuse(422, 'email');
	return $form;
}

function cart_lines(string $cart): array
{
	$lines = rows('SELECT v.id, l.quantity, p.id AS product, p.handle, ' .
		'p.title, p.vendor, p.image, v.name, v.sku, v.price ' .
		'FROM cart_line l JOIN variant v ON v.id = l.variant ' .
		'JOIN product p ON p.id = v.product ' .
		'WHERE l.cart = ? AND p.published = 1 ORDER BY l.position', [$cart]);
	$categories = db()->prepare('SELECT name FROM product_category ' .
		'WHERE product = ? ORDER BY position');
	foreach ($lines as &$line) {
		$categories->execute([$line['product']]);
		$line['categories'] = $categories->fetchAll(PDO::FETCH_COLUMN);
	}
	return $lines;
}

function main(): void
{
	$session = session();
	$key = $_POST['key'] ?? '';
	if ($session === null || !hash_equals(mac('form', $session['id']),
		$_POST['token'] ?? ''))
		refuse(403, 'stale');
	if (!preg_match('/^[0-9a-z]{26}-([0-9]+)$/', $key, $revision))
		refuse(409, 'key');
	$form = read_form();
	$hash = b64(hash('sha256', implode("\0", $form), true));
	$before = one('SELECT id, body_hash FROM orders WHERE key = ?', [$key]);
	if ($before !== null)
		$before['body_hash'] === $hash ? answer($before['id'])
			: refuse(409, 'used');
	$cart = one('SELECT revision FROM cart WHERE id = ?', [$session['cart']]);
	$lines = cart_lines($session['cart']);
	if (!$lines || $cart['revision'] !== (int)$revision[1])
		refuse(409, 'cart');
	$subtotal = 0;
	foreach ($lines as $l)
		$subtotal += $l['price'] * $l['quantity'];
	$methods = array_column(rows('SELECT code, name, price, free_from ' .
		'FROM shipping_method ORDER BY position'), null, 'code');
	$method = $methods[$form['shipping']] ?? refuse(422, 'shipping');
	$shipping = $method['free_from'] !== null &&
		$subtotal >= $method['free_from'] ? 0 : $method['price'];
	[$code, $discount, $free] = amount_off($form['discount'], $subtotal);
	if ($free)
		$discount = $shipping;
	$ship = array_intersect_key($form, array_flip(ADDRESS));
	$home = $ship;
	if (!isset($_POST['billing_same']))
		foreach (ADDRESS as $name)
			$home[$name] = $form["billing_$name"];
	$o = ['id' => random_id(), 'time' => time(),
		'revision' => $cart['revision'], 'email' => $form['email'],
		'phone' => $form['phone'], 'first_name' => $form['first_name'],
		'last_name' => $form['last_name'], 'method' => $method['name'],
		'code' => $code, 'subtotal' => $subtotal, 'discount' => $discount,
		'shipping' => $shipping, 'total' => $subtotal + $shipping - $discount,
		'ship' => implode("\n", $ship), 'home' => implode("\n", $home)];
	$bucket = mac('throttle order', strtolower($o['email']));
	$full = one('SELECT full_at FROM throttle WHERE key = ?', [$bucket]);
	if ($full !== null && $full['full_at'] > $o['time'] + (BURST - 1) * EACH)
		refuse(429, 'often');
	$events = events($o, $lines, $home, $ship);
	$lock = fopen(DATABASE . '.lock', 'c');
	flock($lock, LOCK_EX);
	db()->exec('BEGIN IMMEDIATE');
	$placed = place($o, $lines, $session, $key, $hash, $events,
		$bucket);
	db()->exec($placed ? 'COMMIT' : 'ROLLBACK');
	flock($lock, LOCK_UN);
	$placed ? answer($o['id']) : refuse(409, 'changed');
}

main();
