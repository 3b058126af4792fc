/* embed.S - the texts that klaviyo-sandbox serves, as they are. */
	.section .rodata
	.macro embed name, file
	.global text_\name, text_\name\()_end
text_\name:
	.incbin "src/sandbox/\file"
text_\name\()_end:
	.byte 0
	.endm

	embed page_html, page.html
	embed page_css, page.css
	embed page_js, page.js
	embed page_kit_js, page_kit.js
	embed page_entry_js, page_entry.js
	embed page_views_js, page_views.js
	embed page_catalog_js, page_catalog.js
	embed klaviyo_js, klaviyo.js

	.section .note.GNU-stack, "", %progbits
