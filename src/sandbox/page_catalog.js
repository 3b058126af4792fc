/*
 * page_catalog.js - the view of the catalogue and of who waits for an article.
 *
 * Drawn anew from /sandbox/status and /sandbox/stock. Whatever came from
 * outside gets into the page as text (make), never as markup.
 */
(function () {
	'use strict'

	var S = window.sandbox, $ = S.$, make = S.make

	function table (heads, rows) {
		var head = make('tr'), body = make('tbody')

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
		var a = j.attributes
		var badge = make('span.badge', a.status)
		var first = a.errors[0] ? a.errors[0].detail : ''

		badge.classList.add(a.failed_count ? 'bad' :
			a.status === 'complete' ? 'accepted' : 'warn')
		return [when(a.created_at), j.doing + ' ' + S.plural(a.total_count,
			j.what, j.what === 'category' ? 'categories' : j.what + 's'),
		badge, S.number(a.completed_count), S.number(a.failed_count),
		S.number(j.polls), first]
	}

	function counts (catalog) {
		return ['items', 'variants', 'categories', 'pending'].map(
			function (name) {
				return make('div.count', make('b',
					S.number(catalog[name])), name === 'pending' ?
					'jobs in progress' : name)
			})
	}

	S.drawCatalog = function () {
		var catalog = S.status.catalog, stock = S.stock

		$('counts').replaceChildren.apply($('counts'), counts(catalog))
		$('jobs').replaceChildren(catalog.jobs.length ? table([['Time'],
			['Job'], ['Status'], ['Done', 1], ['Failed', 1], ['Asked', 1],
			['First error']], catalog.jobs.slice().reverse().map(jobRow)) :
			make('p.quiet', 'No job yet. Without the Catalog API any ' +
				'article may be waited for.'))
		$('stock').replaceChildren(stock.length ? table([['Time'], ['Person'],
			['Variant'], ['Channels']], stock.slice(-200).reverse().map(
			function (w) {
				return [when(w.at), w.who, make('code',
					S.article(w.variant)), w.channels.map(function (c) {
					return S.words(c.toLowerCase())
				}).join(', ')]
			})) : make('p.quiet', 'Nobody waits for an article.'))
	}
})()
