// SPDX-License-Identifier: MIT
/*
 * Bounded formatting: the integer and string part of C's printf (C17 7.21.6.1), nothing that needs
 * floating point or memory. Output past the buffer is counted, not written, so the caller learns
 * the full length and can tell a cut.
 *
 * A conversion is read into a struct spec, its text is made right-aligned in a small array, and one
 * function lays out sign, prefix, zeros and padding.
 */
#include "kernel/lib/string.h"
#include "kernel/lib/uuid.h"

struct out {
	char *buf;
	size_t size, len; /* len may exceed size */
};

struct spec {
	bool left, plus, space, alternate, zero;
	int width, precision; /* precision -1: none given */
	int length;           /* bytes of the argument: 1, 2, 4, 8 */
	char conv;
};

static void put(struct out *o, char c)
{
	if (o->len < o->size)
		o->buf[o->len] = c;
	o->len++;
}

static void put_n(struct out *o, char c, int n)
{
	while (n-- > 0)
		put(o, c);
}

static void put_text(struct out *o, const char *s, int n)
{
	for (int i = 0; i < n; i++)
		put(o, s[i]);
}

/* prefix (sign or 0x) and digits within the width; precision is the least number of digits. */
static void put_padded(struct out *o, const struct spec *s, const char *prefix, const char *digits,
		       int n)
{
	int prefix_len = (int)strlen(prefix);
	int zeros = s->precision > n ? s->precision - n : 0;
	int pad = s->width - prefix_len - zeros - n;

	if (s->zero && !s->left && s->precision < 0 && pad > 0) {
		zeros = pad;
		pad = 0;
	}
	if (!s->left)
		put_n(o, ' ', pad);
	put_text(o, prefix, prefix_len);
	put_n(o, '0', zeros);
	put_text(o, digits, n);
	if (s->left)
		put_n(o, ' ', pad);
}

static void put_unsigned(struct out *o, const struct spec *s, uint64_t v, const char *sign)
{
	char digits[24]; /* 2^64 has 22 octal digits */
	const char *alphabet = s->conv == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
	unsigned base = s->conv == 'x' || s->conv == 'X' ? 16 : s->conv == 'o' ? 8 : 10;
	const char *prefix = sign;
	size_t i = sizeof(digits);

	if (s->alternate && base == 16 && v != 0)
		prefix = s->conv == 'X' ? "0X" : "0x";
	for (uint64_t rest = v; rest != 0; rest /= base)
		digits[--i] = alphabet[rest % base];
	if (v == 0 && s->precision != 0)
		digits[--i] = '0';
	if (s->alternate && base == 8 && s->precision <= (int)(sizeof(digits) - i) &&
	    (i == sizeof(digits) || digits[i] != '0'))
		digits[--i] = '0';
	put_padded(o, s, prefix, &digits[i], (int)(sizeof(digits) - i));
}

static void put_signed(struct out *o, const struct spec *s, int64_t v)
{
	const char *sign = v < 0 ? "-" : s->plus ? "+" : s->space ? " " : "";

	put_unsigned(o, s, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, sign);
}

static void put_string(struct out *o, struct spec *s, const char *text)
{
	if (text == NULL)
		text = "(null)";
	size_t n = strnlen(text, s->precision >= 0 ? (size_t)s->precision : INT32_MAX);

	s->precision = -1;
	s->zero = false;
	put_padded(o, s, "", text, (int)n);
}

static int parse_int(const char **fmt)
{
	int n = 0;

	for (; **fmt >= '0' && **fmt <= '9'; ++*fmt)
		if (n < 100000) /* wide enough for any line; keeps the sum from overflowing */
			n = n * 10 + (**fmt - '0');
	return n;
}

static void parse_flags(const char **fmt, struct spec *s)
{
	for (;; ++*fmt) {
		switch (**fmt) {
		case '-': s->left = true; break;
		case '+': s->plus = true; break;
		case ' ': s->space = true; break;
		case '#': s->alternate = true; break;
		case '0': s->zero = true; break;
		default: return;
		}
	}
}

static void parse_length(const char **fmt, struct spec *s)
{
	s->length = sizeof(int);
	switch (**fmt) {
	case 'h':
		s->length = sizeof(short);
		if (*++*fmt == 'h') {
			s->length = 1;
			++*fmt;
		}
		break;
	case 'l':
		s->length = sizeof(long);
		if (*++*fmt == 'l') {
			s->length = sizeof(long long);
			++*fmt;
		}
		break;
	case 'z':
	case 't':
		s->length = sizeof(size_t);
		++*fmt;
		break;
	case 'j':
		s->length = sizeof(intmax_t);
		++*fmt;
		break;
	default: break;
	}
}

static int64_t narrow_signed(int64_t v, int length)
{
	return length == 1 ? (int8_t)v : length == 2 ? (int16_t)v : length == 4 ? (int32_t)v : v;
}

static uint64_t narrow_unsigned(uint64_t v, int length)
{
	return length == 1 ? (uint8_t)v : length == 2 ? (uint16_t)v : length == 4 ? (uint32_t)v : v;
}

/* va_list may be an array type: a struct carries it to the functions that take arguments from
 * it. */
struct args {
	va_list ap;
};

static uint64_t next_integer(struct args *a, int length)
{
	return length == 8 ? va_arg(a->ap, uint64_t) : (uint64_t)(int64_t)va_arg(a->ap, int);
}

static void parse_spec(const char **fmt, struct spec *s, struct args *a)
{
	*s = (struct spec){ .precision = -1 };
	parse_flags(fmt, s);
	if (**fmt == '*') {
		s->width = va_arg(a->ap, int);
		++*fmt;
		if (s->width < 0) {
			s->left = true;
			s->width = s->width == INT32_MIN ? 0 : -s->width;
		}
	} else {
		s->width = parse_int(fmt);
	}
	if (**fmt == '.') {
		++*fmt;
		if (**fmt == '*') {
			s->precision = va_arg(a->ap, int);
			++*fmt;
		} else {
			s->precision = parse_int(fmt);
		}
		if (s->precision < 0)
			s->precision = -1;
	}
	parse_length(fmt, s);
	s->conv = **fmt;
}

static void put_conversion(struct out *o, struct spec *s, struct args *a)
{
	char c;

	switch (s->conv) {
	case 'd':
	case 'i':
		put_signed(o, s, narrow_signed((int64_t)next_integer(a, s->length), s->length));
		break;
	case 'u':
	case 'x':
	case 'X':
	case 'o':
		put_unsigned(o, s, narrow_unsigned(next_integer(a, s->length), s->length), "");
		break;
	case 'p':
		s->conv = 'x';
		s->alternate = true;
		put_unsigned(o, s, (uintptr_t)va_arg(a->ap, void *), "");
		break;
	case 'c':
		c = (char)va_arg(a->ap, int);
		s->precision = -1;
		s->zero = false;
		put_padded(o, s, "", &c, 1);
		break;
	case 's': put_string(o, s, va_arg(a->ap, const char *)); break;
	case '%': put(o, '%'); break;
	default: /* unknown: shown as it stands, so that the mistake is seen */
		put(o, '%');
		put(o, s->conv);
		break;
	}
}

int format_va(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct out o = { .buf = buf, .size = size > 0 ? size - 1 : 0 };
	struct args a;
	struct spec s;

	va_copy(a.ap, ap);
	while (*fmt != '\0') {
		if (*fmt != '%') {
			put(&o, *fmt++);
			continue;
		}
		fmt++;
		parse_spec(&fmt, &s, &a);
		if (s.conv == '\0') { /* a lone % at the end */
			put(&o, '%');
			break;
		}
		fmt++;
		put_conversion(&o, &s, &a);
	}
	va_end(a.ap);
	if (size > 0)
		buf[MIN(o.len, o.size)] = '\0';
	return (int)o.len;
}

int format(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = format_va(buf, size, fmt, ap);
	va_end(ap);
	return n;
}

size_t string_copy(char *dst, const char *src, size_t size)
{
	size_t len = strlen(src), n = MIN(len, size - 1);

	memcpy(dst, src, n);
	dst[n] = '\0';
	return len;
}

void format_uuid(char text[UUID_TEXT], const uint8_t uuid[16])
{
	for (unsigned i = 0; i < 16; i++) {
		bool dash = i == 4 || i == 6 || i == 8 || i == 10;

		text += format(text, 4, dash ? "-%02x" : "%02x", uuid[i]);
	}
}
