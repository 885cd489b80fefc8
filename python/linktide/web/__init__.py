"""The built-in page: templates, what they load and show. It knows neither HTTP nor the store."""
