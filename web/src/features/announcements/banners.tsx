import { Anchor, CloseButton } from '@mantine/core';
import { useState } from 'react';

import { useWords } from '~/i18n/use-words';

import { type Announcement, useAnnouncements } from './api';
import css from './announcements.module.css';

const SEEN = 'opengateway-announcements';
const MOST_SEEN = 50;

function seen(): string[] {
  try {
    const read: unknown = JSON.parse(localStorage.getItem(SEEN) ?? '[]');
    return Array.isArray(read) ? read.map(String) : [];
  } catch {
    return [];
  }
}

/** What the operator has to say, in the reader's language, until the reader has seen it. */
export function Announcements() {
  const { t, language } = useWords();
  const { data } = useAnnouncements();
  const [gone, setGone] = useState(seen);
  const close = (id: string) => {
    const next = [...gone, id].slice(-MOST_SEEN);
    setGone(next);
    try {
      localStorage.setItem(SEEN, JSON.stringify(next));
    } catch {
      // Storage is switched off: it is gone until the page is loaded again.
    }
  };
  const text = ({ texts }: Announcement) => texts[language] ?? texts.en ?? Object.values(texts)[0] ?? '';
  return (data ?? [])
    .filter(({ id }) => !gone.includes(id))
    .map((each) => (
      <section key={each.id} className={css.banner} data-level={each.level} aria-label={t('app:announcement.name')}>
        <p>
          {text(each)}{' '}
          {each.link !== null && (
            <Anchor href={each.link} inherit underline="always" rel="noreferrer" target="_blank">
              {t('app:announcement.more')}
            </Anchor>
          )}
        </p>
        <CloseButton size="sm" aria-label={t('app:action.close')} onClick={() => close(each.id)} />
      </section>
    ));
}
