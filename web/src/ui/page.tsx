import { Text, Title } from '@mantine/core';
import { type ReactNode, useEffect, useId } from 'react';

import css from './kit.module.css';

interface PageProps {
  title: string;
  lead?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}

/** One page of the app: its heading names the document too. */
export function Page({ title, lead, actions, children }: PageProps) {
  useDocumentTitle(title);
  return (
    <div className={css.page}>
      <div className={css.pageHead}>
        <div>
          <Title order={1}>{title}</Title>
          {lead !== undefined && <p className={css.lead}>{lead}</p>}
        </div>
        {actions !== undefined && <div className={css.actions}>{actions}</div>}
      </div>
      {children}
    </div>
  );
}

export function useDocumentTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · OpenGateway`;
  }, [title]);
}

interface PanelProps {
  title?: string;
  note?: ReactNode;
  action?: ReactNode;
  /** A table or list reaches the edges. */
  flush?: boolean;
  children: ReactNode;
}

export function Panel({ title, note, action, flush = false, children }: PanelProps) {
  const id = useId();
  return (
    <section className={css.panel} aria-labelledby={title === undefined ? undefined : id}>
      {title !== undefined && (
        <div className={css.panelHead}>
          <div>
            <Title order={2} id={id}>
              {title}
            </Title>
            {note !== undefined && (
              <Text size="sm" c="dimmed" component="p">
                {note}
              </Text>
            )}
          </div>
          {action}
        </div>
      )}
      <div className={flush ? (title === undefined ? undefined : css.flush) : css.panelBody}>{children}</div>
    </section>
  );
}
