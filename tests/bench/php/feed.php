<?php
/*
 * feed.php - the catalog feed by PHP, streamed: json_encode() and XMLWriter over
 * the same rows, product by product.
 *
 *	php feed.php DATABASE URL json|xml
 *
 * Three statements over the whole catalogue, read side by side, in the order of
 * their products; written in pieces of 64 KB.
 */
declare(strict_types=1);

[, $database, $url, $format] = $argv;
$db = new PDO("sqlite:$database", null, null, [
	PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
	PDO::ATTR_DEFAULT_FETCH_MODE => PDO::FETCH_NUM,
]);

/* The rows of a statement whose first column is a product's id, product by
   product: take($id) returns those of one, which come in order. */
final class Side
{
	private PDOStatement $statement;
	private array|false $row;

	public function __construct(PDO $db, string $sql)
	{
		$this->statement = $db->query($sql);
		$this->row = $this->statement->fetch();
	}

	public function take(string $id): array
	{
		$taken = [];
		while ($this->row !== false && $this->row[0] <= $id) {
			if ($this->row[0] === $id)
				$taken[] = $this->row;
			$this->row = $this->statement->fetch();
		}
		return $taken;
	}
}

$products = $db->query('SELECT id, handle, title, body, image FROM product ' .
	'WHERE published = 1 ORDER BY id');
$variants = new Side($db, 'SELECT product, price, stock, oversell ' .
	'FROM variant ORDER BY product');
$categories = new Side($db, 'SELECT product, name FROM product_category ' .
	'ORDER BY product, position');

function absolute(string $url, string $path): string
{
	return str_contains($path, '://') ? $path : $url . $path;
}

function items(PDOStatement $products, Side $variants, Side $categories,
	string $url): Generator
{
	while (($p = $products->fetch()) !== false) {
		[$id, $handle, $title, $body, $image] = $p;
		$price = PHP_INT_MAX;
		$stock = 0;
		$there = false;
		foreach ($variants->take($id) as [, $one, $left, $oversell]) {
			$price = min($price, $one);
			$stock += $left;
			$there = $there || $left > 0 || $oversell === 1;
		}
		$item = [
			'id' => $id,
			'title' => $title,
			'link' => "$url/products/" . rawurlencode($handle),
			'description' => $body !== '' ? $body : $title,
			'price' => $price / 100,
			'image_link' => absolute($url, $image),
		];
		$names = array_column($categories->take($id), 1);
		if ($names)
			$item['categories'] = $names;
		$item['inventory_quantity'] = max(0, $stock);
		$item['inventory_policy'] = $stock <= 0 && $there ? 2 : 1;
		yield $item;
	}
}

$out = '';
function put(string $text, bool $end = false): void
{
	global $out;
	$out .= $text;
	if (strlen($out) >= 65536 || $end) {
		fwrite(STDOUT, $out);
		$out = '';
	}
}

$all = items($products, $variants, $categories, $url);
if ($format === 'json') {
	$before = "[\n";
	foreach ($all as $item) {
		put($before . json_encode($item, JSON_UNESCAPED_SLASHES |
			JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR));
		$before = ",\n";
	}
	put("\n]\n", true);
	exit(0);
}
$xml = new XMLWriter();
$xml->openMemory();
$xml->startDocument('1.0', 'UTF-8');
$xml->startElement('Products');
foreach ($all as $item) {
	$xml->text("\n");
	$xml->startElement('Product');
	foreach ($item as $name => $value)
		$xml->writeElement($name, is_array($value)
			? implode(',', array_map(fn ($n) => strtr($n, ',', ' '), $value))
			: (string) $value);
	$xml->endElement();
	put($xml->flush());
}
$xml->text("\n");
$xml->endElement();
$xml->endDocument();
put($xml->flush(), true);
