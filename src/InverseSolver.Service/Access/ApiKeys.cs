using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using Dapper;
using InverseSolver.Service.Storage;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Data.Sqlite;

namespace InverseSolver.Service.Access;

/// <summary>
/// The keys of accounts. A key is <c>isk_ID_SECRET</c>; of the secret, 256 random bits, the SHA-256 is stored, from which nobody finds it. All of them are
/// read together and kept for seconds, so that a request costs no query, a wrong key neither; what this process changes counts at once.
/// </summary>
internal sealed class ApiKeys(JobDatabase database)
{
    /// <summary>The header with a key.</summary>
    public const string Header = "X-API-Key";

    /// <summary>The kind of proofs that are keys.</summary>
    public const string Proof = "key";

    /// <summary>The beginning of every key.</summary>
    public const string Prefix = "isk_";

    private const int DefaultDays = 365;

    private const string FirstKey = "first-key";

    private const string Columns = "id, account, tenant, scopes, hash, created, expires, revoked, last_used";

    private static readonly TimeSpan Remembered = TimeSpan.FromSeconds(5), Use = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();

    private (Dictionary<string, Row> Rows, DateTimeOffset Read)? _read;

    /// <summary>The key that a request sends: as <c>X-API-Key</c>, or as <c>Authorization: Bearer</c>; null where it sends none.</summary>
    public static string? Of(HttpContext http) => http.Request.Headers[Header].ToString() is { Length: > 0 } key ? key
        : http.Request.Headers.Authorization.ToString() is var header && header.StartsWith($"Bearer {Prefix}", StringComparison.OrdinalIgnoreCase)
            ? header["Bearer ".Length..].Trim() : null;

    /// <summary>Makes a key.</summary>
    public NewApiKey Create(ApiKeyRequest request)
    {
        string id = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(6)), secret = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));
        long now = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        var row = new Row
        {
            Id = id,
            Account = request.Account,
            Tenant = request.Tenant,
            Scopes = string.Join(' ', Scope.All.Intersect(request.Scopes)),
            Hash = HashOf(secret),
            Created = now,
            Expires = now + (long)TimeSpan.FromDays(request.Days ?? DefaultDays).TotalMilliseconds,
        };
        database.Write(connection => connection.Execute(
            "INSERT INTO api_keys (id, account, tenant, scopes, hash, created, expires) "
                + "VALUES (@Id, @Account, @Tenant, @Scopes, @Hash, @Created, @Expires)", row));
        Forget();
        return new NewApiKey($"{Prefix}{id}_{secret}", row.ToKey());
    }

    /// <summary>Makes the first key, with all scopes, where keys are asked for and there is none, and writes it into the data folder.</summary>
    /// <returns>The file; null where there is a key already.</returns>
    public string? WriteFirst(string folder)
    {
        string file = Path.Combine(folder, FirstKey);
        if (List() is not []) return null;
        FileStreamOptions mine = JobFolder.NewFile();
        mine.Mode = FileMode.Create;
        using var writer = new StreamWriter(file, mine);
        writer.WriteLine(Create(new ApiKeyRequest { Account = "first", Scopes = Scope.All }).Key);
        return file;
    }

    /// <summary>All keys, the newest first.</summary>
    public IReadOnlyList<ApiKey> List()
    {
        using SqliteConnection connection = database.Open();
        return [.. connection.Query<Row>($"SELECT {Columns} FROM api_keys ORDER BY created DESC, id").Select(row => row.ToKey())];
    }

    /// <summary>Revokes a key. One that was revoked before keeps its time.</summary>
    /// <returns>The key; null where there is none.</returns>
    public ApiKey? Revoke(string id)
    {
        long now = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        Row? row = database.Write(connection => connection.QuerySingleOrDefault<Row>(
            $"UPDATE api_keys SET revoked = COALESCE(revoked, @now) WHERE id = @id RETURNING {Columns}", new { id, now }));
        Forget();
        return row?.ToKey();
    }

    /// <summary>The account of a key.</summary>
    /// <param name="key">The key as it was sent.</param>
    /// <exception cref="RequestException">It is unknown, expired or revoked. Which of them, only who has the secret is told.</exception>
    public Account AccountOf(string key) => Prove(key).ToAccount();

    /// <summary>The account of a key as a proved sender, until the key ends.</summary>
    /// <param name="key">The key as it was sent.</param>
    /// <param name="scheme">The authentication scheme.</param>
    /// <exception cref="RequestException">As with <see cref="AccountOf"/>.</exception>
    public AuthenticationTicket TicketOf(string key, string scheme)
    {
        Row row = Prove(key);
        ClaimsPrincipal sender = row.ToAccount().ToPrincipal(scheme, Sessions.ProofOf(Proof, row.Id));
        return new AuthenticationTicket(sender, new AuthenticationProperties { ExpiresUtc = row.ToKey().Expires }, scheme);
    }

    /// <summary>True where a sender proved itself by no key, or by one that is neither revoked nor expired.</summary>
    public bool IsStillProved(ClaimsPrincipal sender) =>
        sender.FindFirstValue(Sessions.ProofClaim)?.Split(' ', 2) is not [Proof, var id] || IsValid(id);

    /// <summary>True where a key is neither revoked nor expired.</summary>
    public bool IsValid(string id) => Find(id) is { Revoked: null, IsExpired: false };

    private Row Prove(string key)
    {
        if (key.Length > 200 || key.Split('_') is not ["isk", var id, var secret] || Find(id) is not { } row
            || !CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(row.Hash), Encoding.ASCII.GetBytes(HashOf(secret))))
        {
            throw Refused("unknownKey", "The key is unknown: send a key of this service.");
        }

        if (row.Revoked is not null) throw Refused("revokedKey", "The key was revoked: ask who administers the service for another one.");
        if (row.IsExpired) throw Refused("expiredKey", "The key has expired: ask who administers the service for another one.");
        long now = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        if (row.LastUsed is not { } last || now - last > Use.TotalMilliseconds) Used(row, now);
        return row;
    }

    /// <summary>The caller of a request's key; null where it has none, or one that is refused.</summary>
    public string? CallerOf(HttpContext http)
    {
        try
        {
            return Of(http) is { } key ? AccountOf(key).Caller : null;
        }
        catch (RequestException)
        {
            return null;
        }
    }

    private Row? Find(string id)
    {
        lock (_lock)
        {
            DateTimeOffset now = DateTimeOffset.UtcNow;
            if (_read is not { } read || now - read.Read >= Remembered)
            {
                using SqliteConnection connection = database.Open();
                read = (connection.Query<Row>($"SELECT {Columns} FROM api_keys").ToDictionary(row => row.Id), now);
                _read = read;
            }

            return read.Rows.GetValueOrDefault(id);
        }
    }

    private void Forget()
    {
        lock (_lock) _read = null;
    }

    private void Used(Row row, long now)
    {
        row.LastUsed = now;
        try
        {
            database.Write(connection => connection.Execute("UPDATE api_keys SET last_used = @now WHERE id = @id", new { id = row.Id, now }));
        }
        catch (SqliteException)
        {
            // On a full disk the key works nevertheless.
        }
    }

    private static string HashOf(string secret) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(secret)));

    private static RequestException Refused(string code, string text) => new(StatusCodes.Status401Unauthorized, code, Header, text);

    private sealed class Row
    {
        public string Id { get; init; } = "";

        public string Account { get; init; } = "";

        public string Tenant { get; init; } = "";

        public string Scopes { get; init; } = "";

        public string Hash { get; init; } = "";

        public long Created { get; init; }

        public long? Expires { get; init; }

        public long? Revoked { get; init; }

        public long? LastUsed { get; set; }

        public bool IsExpired => Expires <= DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();

        public Account ToAccount() => new(Account, Tenant, Scopes.Split(' ').ToHashSet());

        public ApiKey ToKey() => new(Id, Account, Tenant, Scopes.Split(' '), Time(Created), Maybe(Expires), Maybe(Revoked), Maybe(LastUsed));

        private static DateTimeOffset Time(long time) => DateTimeOffset.FromUnixTimeMilliseconds(time);

        private static DateTimeOffset? Maybe(long? time) => time is { } known ? Time(known) : null;
    }
}
