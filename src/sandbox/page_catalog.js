/*
 * page_catalog.js - the view of the catalogue and of who waits for an article.
 *
 * Drawn anew from /sandbox/status and /sandbox/stock. Whatever came from
 * outside gets into the page as text (page.js, make), never as markup.
 */
(function () {
	'use strict'

	var kit

	function $ (id) {
		return document.getElementById(id)
	}

	function table (heads, rows) {
		var make = kit.make, head = make('tr'), body = make('tbody')

		heads.forEach(function (h) {
			head.append(make(h[1] ? 'th.num' : 'th', h[0]))
		})
		rows.forEach(function (row) {
			var tr = make('tr')

			row.forEach(function (cell, i) {
				tr.append(make(heads[i][1] ? 'td.num' : 'td', cell))
			})
			body.append(tr)
		})
		return make('div.card', make('div.wrap', make('table',
			make('thead', head), body)))
	}

	function when (iso) {
		return new Date(iso).toLocaleTimeString('en-GB')
	}

	function jobRow (j) {
		var make = kit.make, a = j.attributes
		var badge = make('span.badge', a.status)
		var first = a.errors[0] ? a.errors[0].detail : ''

		badge.classList.add(a.failed_count ? 'bad' :
			a.status === 'complete' ? 'accepted' : 'warn')
		return [when(a.created_at), j.doing + ' ' + kit.plural(a.total_count,
			j.what, j.what === 'category' ? 'categories' : j.what + 's'),
		badge, kit.number(a.completed_count), kit.number(a.failed_count),
		kit.number(j.polls), first]
	}

	function counts (catalog) {
		return ['items', 'variants', 'categories', 'pending'].map(
			function (name) {
				return kit.make('div.count', kit.make('b',
					kit.number(catalog[name])), name === 'pending' ?
					'jobs in progress' : name)
			})
	}

	window.drawCatalog = function (catalog, stock, tools) {
		kit = tools
		$('counts').replaceChildren.apply($('counts'), counts(catalog))
		$('jobs').replaceChildren(catalog.jobs.length ? table([['Time'],
			['Job'], ['Status'], ['Done', 1], ['Failed', 1], ['Asked', 1],
			['First error']], catalog.jobs.slice().reverse().map(jobRow)) :
			kit.make('p.quiet', 'No job yet. Without the Catalog API any ' +
				'article may be waited for.'))
		$('stock').replaceChildren(stock.length ? table([['Time'], ['Person'],
			['Variant'], ['Channels']], stock.slice(-200).reverse().map(
			function (w) {
				return [when(w.at), w.who, kit.make('code',
					kit.article(w.variant)), w.channels.map(function (c) {
					return kit.words(c.toLowerCase())
				}).join(', ')]
			})) : kit.make('p.quiet', 'Nobody waits for an article.'))
	}
})()
