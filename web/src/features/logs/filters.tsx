import { Button, Select, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';

import { useWords } from '~/i18n/use-words';
import { Filters } from '~/ui/facts';
import { IconSearch } from '~/ui/icons';

import { DAYS, ENDINGS, type LogSearch } from './search';
import css from './logs.module.css';

interface Names {
  id: string;
  name: string;
}

interface LogFiltersProps {
  search: LogSearch;
  keys: Names[];
  members: Names[];
  onChange: (search: LogSearch) => void;
}

const STATUSES = ['2xx', '4xx', '5xx', '429'];

/** Everything that can be asked of the list; it stands in the address, so a view can be kept and sent. */
export function LogFilters({ search, keys, members, onChange }: LogFiltersProps) {
  const { t } = useWords();
  const set = (part: LogSearch) => onChange({ ...search, ...part });
  const clear = { 'aria-label': t('app:action.clear') };
  const any = t('logs:filter.any');
  const options = (rows: Names[]) => rows.map(({ id, name }) => ({ value: id, label: name }));
  return (
    <Filters>
      <Word label={t('logs:filter.id')} value={search.id} onDone={(id) => set({ id })} />
      <Select
        label={t('logs:filter.period')}
        data={DAYS.map((days) => ({ value: String(days), label: t(`logs:period.d${days}`) }))}
        value={search.days === undefined ? null : String(search.days)}
        placeholder={t('logs:filter.always')}
        onChange={(days) => set({ days: days === null ? undefined : Number(days) })}
        clearable
        clearButtonProps={clear}
      />
      <Select
        label={t('logs:filter.ending')}
        data={ENDINGS.map((ending) => ({ value: ending, label: t(`logs:ending.${ending}`) }))}
        value={search.ending ?? null}
        placeholder={any}
        onChange={(ending) => set({ ending: ENDINGS.find((each) => each === ending) })}
        clearable
        clearButtonProps={clear}
      />
      <Select
        label={t('logs:filter.status')}
        data={STATUSES}
        value={search.status ?? null}
        placeholder={any}
        onChange={(status) => set({ status: status ?? undefined })}
        clearable
        clearButtonProps={clear}
      />
      <Word label={t('logs:filter.model')} value={search.model} onDone={(model) => set({ model })} />
      <Word label={t('logs:filter.provider')} value={search.provider} onDone={(provider) => set({ provider })} />
      <Select
        label={t('logs:filter.key')}
        data={options(keys)}
        value={search.key_id ?? null}
        placeholder={any}
        onChange={(key_id) => set({ key_id: key_id ?? undefined })}
        searchable
        clearable
        clearButtonProps={clear}
      />
      <Select
        label={t('logs:filter.member')}
        data={options(members)}
        value={search.member_id ?? null}
        placeholder={any}
        onChange={(member_id) => set({ member_id: member_id ?? undefined })}
        searchable
        clearable
        clearButtonProps={clear}
      />
      <Word label={t('logs:filter.session')} value={search.session_id} onDone={(session_id) => set({ session_id })} />
      <Word label={t('logs:filter.user')} value={search.user} onDone={(user) => set({ user })} />
    </Filters>
  );
}

interface WordProps {
  label: string;
  value: string | undefined;
  onDone: (value: string | undefined) => void;
}

/** Taken with Enter or when it is left: not every letter is a question to the log. */
function Word({ label, value, onDone }: WordProps) {
  const { t } = useWords();
  const [typed, setTyped] = useState(value ?? '');
  const [known, setKnown] = useState(value);
  if (known !== value) {
    setKnown(value);
    setTyped(value ?? '');
  }
  const done = () => {
    const wanted = typed.trim() === '' ? undefined : typed.trim();
    if (wanted !== value) onDone(wanted);
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    done();
  };
  return (
    <form onSubmit={submit} className={css.word}>
      <TextInput
        label={label}
        maxLength={256}
        value={typed}
        onChange={(event) => setTyped(event.currentTarget.value)}
        onBlur={done}
        leftSection={<IconSearch size={14} />}
      />
      <Button type="submit" className="og-visually-hidden" tabIndex={-1}>
        {t('logs:filter.search')}
      </Button>
    </form>
  );
}
