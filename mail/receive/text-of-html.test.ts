import { describe, expect, it } from 'vitest';
import { newText } from './new-text.ts';
import { textOfHtml } from './text-of-html.ts';

const replyIn = (html: string): string => newText(textOfHtml(html));

describe('the text of an HTML mail', () => {
  it('E1: Gmail: without the quote, with answers between quotes', () => {
    expect(
      replyIn(
        `<div dir="ltr">Hello,<br>it is <b>mended</b>.</div><br><div class="gmail_quote gmail_quote_container"><div dir="ltr" class="gmail_attr">On Mon, Jan 5, 2026 at 12:34 PM Deskferry &lt;<a href="mailto:a@b.example">a@b.example</a>&gt; wrote:<br></div><blockquote class="gmail_quote" style="margin:0">Which file?</blockquote><div>The second.</div><blockquote class="gmail_quote">Sure?</blockquote></div>`,
      ),
    ).toBe('Hello,\nit is mended.\n\nThe second.');
  });

  it('E1: Outlook: without the original message, in every language', () => {
    expect(
      replyIn(
        `<html><head><style>p{color:red}</style></head><body><div>修正版です。</div><div id="appendonsend"></div><hr><div id="divRplyFwdMsg"><font><b>Von:</b> x<br><b>Gesendet:</b> y</font></div><div>history</div></body></html>`,
      ),
    ).toBe('修正版です。');
    expect(
      replyIn(
        `<p class="MsoNormal">See file.<o:p></o:p></p><div><div style="border-top:solid"><p><b>差出人:</b> Deskferry<br><b>送信日時:</b> 2026年1月5日 12:34<br><b>宛先:</b> 佐藤<br><b>件名:</b> 完了</p></div></div><p>history</p>`,
      ),
    ).toBe('See file.');
  });

  it('E1: Apple Mail, Thunderbird, Yahoo!', () => {
    expect(replyIn('はい。<br><blockquote type="cite">1月5日…</blockquote>')).toBe('はい。');
    expect(
      replyIn(
        '<p>Yes.</p><div class="moz-cite-prefix">x</div><blockquote type="cite" cite="mid:1">y</blockquote>',
      ),
    ).toBe('Yes.');
    expect(replyIn('<div>Yes.</div><div id="ydp1yahoo_quoted_1" class="ydp1yahoo_quoted">On …</div>')).toBe(
      'Yes.',
    );
  });

  it('is text alone: no markup, no script, no address', () => {
    const text = textOfHtml(
      `a &lt;script&gt; &amp;lt; &quot;b&quot;<script>alert(1)</script><style>x</style><img src=x onerror=alert(1)><a href="javascript:x">c</a><!-- d --><table><tr><td>1</td><td>2</td></tr></table>`,
    );
    expect(text).toBe('a <script> &lt; "b"c\n1\t2');
  });

  it('is quick and does not fail with any page', () => {
    for (const hard of [
      '<div>'.repeat(150_000),
      '<blockquote class=quote>'.repeat(40_000),
      '<'.repeat(300_000),
      `<p ${'a="b" '.repeat(50_000)}>x`,
      '<!--'.repeat(200_000),
      '&#x110000;&#0;\u0000\ud800',
    ]) {
      const started = performance.now();
      textOfHtml(hard);
      expect(performance.now() - started).toBeLessThan(10_000);
    }
  });
});
