/** The docs in the reader's language; they fall back to English page by page. */
export function docsUrl(language: string): string {
  return language === 'en' ? '/docs/' : `/docs/${language}/`;
}
