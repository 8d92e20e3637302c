import { DomainError } from '../../kernel/errors.ts';

export class ApiKeyNotFoundError extends DomainError {
  readonly code = 'API_KEY_NOT_FOUND';
  readonly id: string;
  constructor(id: string) {
    super(`There is no API key '${id}'`);
    this.id = id;
  }
}
