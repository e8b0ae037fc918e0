import { Alert, Button, Group, Stack, TextInput } from '@mantine/core';
import { useState } from 'react';

import { duration } from '~/i18n/numbers';
import { useWords } from '~/i18n/use-words';
import { usePlatform } from '~/session/me';
import { Confirm } from '~/ui/confirm';
import { SideSheet } from '~/ui/dialog';
import { FormError } from '~/ui/form-error';
import { LazyEditor } from '~/ui/lazy-editor';
import { useNotices } from '~/ui/notices';

import { type DeskModel, useModelDeeds } from './api';
import { StateBadge } from './models-page';
import css from './offers.module.css';

const EXAMPLE = {
  kind: 'chat',
  endpoints: [{ provider: 'openai', upstream_model: 'gpt-5-mini', context: 131072, price: { input: '0.20', output: '0.60' } }],
};

function configOf(text: string): Record<string, unknown> | null {
  try {
    const read: unknown = JSON.parse(text);
    return typeof read === 'object' && read !== null && !Array.isArray(read) ? (read as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

interface ModelSheetProps {
  /** None: a draft that is yet to be made. */
  row: DeskModel | null;
  onClose: () => void;
  onMade: (id: string) => void;
}

/** A draft is written, tried and published here; what is published can only be taken away. */
export function ModelSheet({ row, onClose, onMade }: ModelSheetProps) {
  const { t } = useWords();
  const may = usePlatform()('catalogue.write');
  const notices = useNotices();
  const { save, smoke, publish, withdraw, discard } = useModelDeeds();
  const [id, setId] = useState(row?.model_id ?? '');
  const [text, setText] = useState(JSON.stringify(row?.config ?? EXAMPLE, null, 2));
  const [asked, setAsked] = useState<'publish' | 'withdraw' | 'discard' | null>(null);
  const config = configOf(text);
  const draft = row === null || row.state === 'draft';
  const changed = row === null || text !== JSON.stringify(row.config, null, 2);
  const keep = () =>
    save.mutate(
      { row, modelId: id.trim(), config: config ?? {} },
      {
        onSuccess: (made) => {
          notices.done(t('offers:saved'));
          onMade(made.id);
        },
      },
    );
  const deed = { publish, withdraw, discard };
  return (
    <SideSheet onClose={onClose} title={row?.model_id ?? t('offers:new')} size="xl">
      <Stack>
        {row === null ? (
          <TextInput label={t('offers:id')} placeholder="house/qwen" data-autofocus value={id} onChange={(event) => setId(event.currentTarget.value)} />
        ) : (
          <div>
            <StateBadge state={row.state} />
          </div>
        )}
        <LazyEditor label={t('offers:content')} value={text} readOnly={!draft || !may} onChange={setText} />
        {config === null && <p className={css.wrong}>{t('offers:wrong')}</p>}
        <FormError error={save.error ?? smoke.error} />
        {row?.smoke != null && <SmokeResult smoke={row.smoke} />}
        {may && (
          <Group>
            {draft && (
              <Button loading={save.isPending} disabled={config === null || id.trim() === '' || !changed} onClick={keep}>
                {row === null ? t('offers:draft') : t('app:action.save')}
              </Button>
            )}
            {row?.state === 'draft' && (
              <>
                <Button variant="default" loading={smoke.isPending} disabled={changed} onClick={() => smoke.mutate(row)}>
                  {t('offers:smoke')}
                </Button>
                <Button variant="default" disabled={changed} onClick={() => setAsked('publish')}>
                  {t('offers:publish')}
                </Button>
                <Button variant="subtle" color="gray" onClick={() => setAsked('discard')}>
                  {t('offers:discard')}
                </Button>
              </>
            )}
            {row?.state === 'published' && (
              <Button variant="default" onClick={() => setAsked('withdraw')}>
                {t('offers:withdraw')}
              </Button>
            )}
          </Group>
        )}
      </Stack>
      {asked !== null && row !== null && (
        <Confirm
          title={t(`offers:${asked}Title`, { model: row.model_id })}
          consequence={t(`offers:${asked}Text`)}
          action={t(`offers:${asked}`)}
          mild={asked === 'publish'}
          busy={deed[asked].isPending}
          error={deed[asked].error}
          onConfirm={() =>
            deed[asked].mutate(row, {
              onSuccess: () => {
                setAsked(null);
                notices.done(t(`offers:${asked}Done`));
                onClose();
              },
            })
          }
          onClose={() => setAsked(null)}
        />
      )}
    </SideSheet>
  );
}

function SmokeResult({ smoke }: { smoke: NonNullable<DeskModel['smoke']> }) {
  const { t, language } = useWords();
  return (
    <ul className={css.smoke} aria-label={t('offers:column.smoke')}>
      {smoke.endpoints.map(({ endpoint, result }) => (
        <li key={endpoint}>
          <Alert variant="light" color={result.ok ? 'brand' : 'red'}>
            <strong>{endpoint}</strong>
            <br />
            {result.ok ? t('offers:answered', { time: duration(result.took_ms, language) }) : result.message}
          </Alert>
        </li>
      ))}
    </ul>
  );
}
