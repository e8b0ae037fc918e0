import { Button, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';

import { nsOf } from '~/i18n/time';
import { useWords } from '~/i18n/use-words';
import { usePlatform } from '~/session/me';
import { When } from '~/ui/amounts';
import { type Column, DataTable } from '~/ui/data-table';
import { TwoLines } from '~/ui/facts';
import { FormError } from '~/ui/form-error';
import { useNotices } from '~/ui/notices';
import { IconHistory } from '~/ui/icons';
import { Panel } from '~/ui/page';
import { Empty, Loaded } from '~/ui/states';

import { type Ending, useEndingDeeds, useEndings } from './api';
import css from './offers.module.css';

/** Models that end at a time, and which one follows. */
export function EndingsPanel() {
  const { t } = useWords();
  const may = usePlatform()('catalogue.write');
  const notices = useNotices();
  const endings = useEndings();
  const { takeBack } = useEndingDeeds();
  const columns: Column<Ending>[] = [
    { id: 'model', name: t('offers:column.model'), cell: (row) => <TwoLines first={row.model_id} second={row.note || undefined} /> },
    { id: 'successor', name: t('offers:ending.successor'), cell: (row) => row.successor ?? '–' },
    { id: 'at', name: t('offers:ending.at'), cell: (row) => <When ns={row.ends_at_ns} /> },
    {
      id: 'do',
      name: t('offers:ending.actions'),
      end: true,
      cell: (row) =>
        may && (
          <Button variant="subtle" color="gray" size="compact-sm" onClick={() => takeBack.mutate(row.model_id, { onError: notices.failed })}>
            {t('offers:ending.back')}
          </Button>
        ),
    },
  ];
  return (
    <Panel title={t('offers:ending.title')} note={t('offers:ending.note')} flush>
      {may && <End />}
      <Loaded query={endings} rows={1}>
        {(rows) =>
          rows.length === 0 ? (
            <Empty icon={<IconHistory />} title={t('offers:ending.empty')} text={t('offers:ending.emptyText')} />
          ) : (
            <DataTable caption={t('offers:ending.title')} columns={columns} rows={rows} rowId={(row) => row.model_id} />
          )
        }
      </Loaded>
    </Panel>
  );
}

function End() {
  const { t } = useWords();
  const notices = useNotices();
  const { end } = useEndingDeeds();
  const [model, setModel] = useState('');
  const [successor, setSuccessor] = useState('');
  const [at, setAt] = useState('');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    end.mutate(
      { model_id: model.trim(), successor: successor.trim() || null, ends_at_ns: nsOf(new Date(at)), note: '' },
      {
        onSuccess: () => {
          notices.done(t('offers:ending.done'));
          setModel('');
          setSuccessor('');
        },
      },
    );
  };
  return (
    <form onSubmit={submit}>
      <div className={css.form}>
        <TextInput label={t('offers:ending.model')} placeholder="house/qwen" value={model} onChange={(event) => setModel(event.currentTarget.value)} />
        <TextInput label={t('offers:ending.successor')} placeholder="house/qwen-2" value={successor} onChange={(event) => setSuccessor(event.currentTarget.value)} />
        <TextInput type="datetime-local" label={t('offers:ending.at')} value={at} onChange={(event) => setAt(event.currentTarget.value)} />
        <Button type="submit" variant="default" loading={end.isPending} disabled={model.trim().length < 3 || at === ''}>
          {t('offers:ending.action')}
        </Button>
      </div>
      <div className={css.error}>
        <FormError error={end.error} />
      </div>
    </form>
  );
}
