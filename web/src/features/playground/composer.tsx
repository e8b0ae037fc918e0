import { ActionIcon, Button, FileButton, Textarea } from '@mantine/core';
import { type FormEvent, type KeyboardEvent, useState } from 'react';

import { useWords } from '~/i18n/use-words';
import { IconPhoto, IconPlayerStop, IconSend, IconX } from '~/ui/icons';
import { useNotices } from '~/ui/notices';

import css from './playground.module.css';

const LARGEST_IMAGE = 5_000_000;
const MOST_IMAGES = 4;

interface ComposerProps {
  /** What stands there at first. */
  question: string;
  busy: boolean;
  /** Why nothing can be sent now. */
  blocked: string | null;
  images: boolean;
  onSend: (text: string, images: string[]) => void;
  onStop: () => void;
}

function read(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error ?? new Error('unreadable'));
    reader.readAsDataURL(file);
  });
}

export function Composer({ question, busy, blocked, images: mayShow, onSend, onStop }: ComposerProps) {
  const { t } = useWords();
  const notices = useNotices();
  const [text, setText] = useState(question);
  const [images, setImages] = useState<string[]>([]);
  const ready = !busy && blocked === null && text.trim() !== '';
  const send = () => {
    if (!ready) return;
    onSend(text, images);
    setText('');
    setImages([]);
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    send();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return; // Korean and Japanese compose with Enter
    event.preventDefault();
    send();
  };
  const attach = async (files: File[]) => {
    const small = files.filter((file) => file.size <= LARGEST_IMAGE);
    if (small.length < files.length) notices.failed(new Error(t('playground:imageTooLarge')));
    const urls = await Promise.all(small.map(read));
    setImages((all) => [...all, ...urls].slice(0, MOST_IMAGES));
  };
  return (
    <form className={css.composer} onSubmit={submit}>
      {images.length > 0 && (
        <ul className={css.attached}>
          {images.map((url, place) => (
            <li key={place}>
              <img src={url} alt={t('playground:image', { number: place + 1 })} />
              <ActionIcon
                size="xs"
                variant="filled"
                color="dark"
                aria-label={t('playground:removeImage', { number: place + 1 })}
                onClick={() => setImages((all) => all.filter((_, other) => other !== place))}
              >
                <IconX size={12} />
              </ActionIcon>
            </li>
          ))}
        </ul>
      )}
      <Textarea
        aria-label={t('playground:message')}
        placeholder={blocked ?? t('playground:messageHint')}
        autosize
        minRows={2}
        maxRows={10}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        onKeyDown={onKeyDown}
      />
      <div className={css.composerFoot}>
        <FileButton onChange={(files) => void attach(files)} accept="image/png,image/jpeg,image/webp,image/gif" multiple>
          {(props) => (
            <Button {...props} variant="subtle" color="gray" size="xs" disabled={!mayShow} leftSection={<IconPhoto size={16} />}>
              {t('playground:attach')}
            </Button>
          )}
        </FileButton>
        {busy ? (
          <Button variant="default" size="sm" leftSection={<IconPlayerStop size={16} />} onClick={onStop}>
            {t('playground:stop')}
          </Button>
        ) : (
          <Button type="submit" size="sm" disabled={!ready} leftSection={<IconSend size={16} />}>
            {t('playground:send')}
          </Button>
        )}
      </div>
    </form>
  );
}
