using System.Net.Sockets;
using System.Security.Cryptography;
using InverseSolver.Diffusion.Packages;
using InverseSolver.Service.Audit;
using InverseSolver.Service.Jobs;
using InverseSolver.Service.Models;
using InverseSolver.Service.Storage;
using Microsoft.AspNetCore.Connections;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Access;

/// <summary>Reports the reason why the service cannot start in one sentence, before the host would in thirty lines.</summary>
internal static partial class StartCheck
{
    private const int InvalidOption = 2;

    /// <summary>Reads all options, and opens the data folder and the catalogue of models.</summary>
    /// <param name="services">The service provider.</param>
    public static void Run(IServiceProvider services)
    {
        try
        {
            services.GetRequiredService<IStartupValidator>().Validate();
            TestArithmetic(services);
            services.GetRequiredService<ModelCatalog>();
        }
        catch (OptionsValidationException invalid)
        {
            throw new StartRefusedException(string.Join(" ", invalid.Failures.Select(failure => Sentence(failure, invalid.OptionsType))), InvalidOption);
        }

        try
        {
            services.GetRequiredService<JobDatabase>();
            // Before any submission, because the files of a job are written before its row.
            JobFolder folder = services.GetRequiredService<JobFolder>();
            JobStore store = services.GetRequiredService<JobStore>();
            IReadOnlyList<string> strangers = folder.Quarantine(store.Ids());
            var audit = services.GetRequiredService<AuditTrail>();
            if (!audit.HasItsKey()) AuditKeyIsAnother(services.GetRequiredService<ILoggerFactory>().CreateLogger<AuditTrail>());
            foreach (string id in strangers) audit.Add("jobQuarantined", id);
            if (strangers.Count > 0) Quarantined(services.GetRequiredService<ILoggerFactory>().CreateLogger<JobFolder>(), strangers.Count);
            // Those that ended just before the process did, or under a version that did not store it.
            folder.WriteEnds(store.Ends());
            services.GetRequiredService<DiskSpace>().TakeReserve();
            if (services.GetRequiredService<IOptions<AccessOptions>>().Value.Keys
                && services.GetRequiredService<ApiKeys>().WriteFirst(services.GetRequiredService<IOptions<JobOptions>>().Value.DataFolder) is not null)
            {
                audit.Add("createKey", services.GetRequiredService<ApiKeys>().List()[0].Id);
                FirstKeyMade(services.GetRequiredService<ILoggerFactory>().CreateLogger<ApiKeys>());
            }
        }
        catch (Exception error) when (SentenceOf(error) is { } sentence)
        {
            throw new StartRefusedException(sentence, InvalidOption);
        }
    }

    /// <summary>The sentence for a data folder or a database that cannot be used; null for any other error.</summary>
    /// <param name="error">The error of the system or of SQLite.</param>
    public static string? SentenceOf(Exception error) => error switch
    {
        SqliteException sqlite => SentenceOf(sqlite),
        IOException or UnauthorizedAccessException => $"The data folder (Jobs:DataFolder) cannot be used: {error.Message}",
        _ => null,
    };

    private static string SentenceOf(SqliteException error)
    {
        string reason = error.Message.TrimEnd('.');
        return error.SqliteErrorCode switch
        {
            // SQLITE_BUSY, SQLITE_LOCKED
            5 or 6 =>
                "The database jobs.db in the data folder (Jobs:DataFolder) is locked by another program: end that program, and start the service again.",
            // SQLITE_READONLY, SQLITE_CANTOPEN
            8 or 14 =>
                "The database jobs.db in the data folder (Jobs:DataFolder) cannot be opened for writing: give the service's user access to it and its folder.",
            // SQLITE_IOERR, SQLITE_FULL
            10 or 13 =>
                $"The data folder (Jobs:DataFolder) cannot be read or written ({reason}): check whether its disk is full or damaged. "
                    + "The database was not changed.",
            _ => $"The database jobs.db in the data folder (Jobs:DataFolder) cannot be used ({reason}): "
                + "restore it, or move it away to start without jobs; "
                + "their files then go to quarantine/, from where `inverse store adopt` takes them in again.",
        };
    }

    /// <summary>Starts the service; an address or a certificate that cannot be used is named.</summary>
    /// <param name="app">The service.</param>
    public static void Listen(WebApplication app)
    {
        try
        {
            Start(app);
            ServerCertificates.WarnOfDates(app);
        }
        catch (IOException error) when (error.InnerException is AddressInUseException)
        {
            throw new StartRefusedException(error.Message);
        }
        catch (Exception error) when (
            Encrypted(app.Configuration) is { } address
                && error is InvalidOperationException or CryptographicException or FileNotFoundException or DirectoryNotFoundException
                or UnauthorizedAccessException or NotSupportedException)
        {
            throw new StartRefusedException(
                HasCertificate(app.Configuration)
                    ? $"The certificate for {address} (Kestrel:Certificates, Kestrel:Endpoints) cannot be used: "
                        + $"{ServerCertificates.ReasonOf(error, app.Configuration)}"
                    : $"{address} needs a certificate, and none is configured: "
                        + "name one by Kestrel:Certificates:Default:Path and Kestrel:Certificates:Default:Password, "
                        + "or listen on http behind a proxy that encrypts.",
                InvalidOption);
        }
        catch (Exception error) when (error is IOException or SocketException or ArgumentOutOfRangeException)
        {
            throw new StartRefusedException($"The service cannot listen on {string.Join(", ", ListenRule.Addresses(app.Configuration))}: {error.FirstLine}");
        }
    }

    // Workers start before the server listens. Where it cannot, they are stopped first, because they wait on objects that the host disposes.
    private static void Start(WebApplication app)
    {
        try
        {
            app.Start();
        }
        catch
        {
            app.StopAsync().GetAwaiter().GetResult();
            throw;
        }
    }

    private static string? Encrypted(IConfiguration configuration) =>
        ListenRule.Addresses(configuration).FirstOrDefault(address => address.StartsWith("https:", StringComparison.OrdinalIgnoreCase));

    private static bool HasCertificate(IConfiguration configuration) =>
        configuration.GetSection("Kestrel:Certificates").GetChildren().Any()
            || configuration.GetSection("Kestrel:Endpoints").GetChildren().Any(endpoint => endpoint.GetSection("Certificate").GetChildren().Any());

    // Before the first tensor.
    private static void TestArithmetic(IServiceProvider services)
    {
        try
        {
            ILogger log = services.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(Arithmetic));
            // First, so that the test runs with the settings of the computations.
            Libtorch.Load();
            Backend.Threads = services.GetRequiredService<DeviceSlots>().Threads(services.GetRequiredService<IOptions<ModelFolderOptions>>().Value.Threads);
            ArithmeticOutcome outcome = Arithmetic.Verify();
            if (Arithmetic.Warning is { } warning)
            {
                ArithmeticIsSlow(log, warning);
            }
            else
            {
                ArithmeticIsRight(log, Backend.Version, outcome);
            }
        }
        catch (Exception error) when (error is PlatformNotSupportedException or InvalidOperationException or DllNotFoundException)
        {
            throw new StartRefusedException(error.FirstLine, InvalidOption);
        }
    }

    // "QueueCapacity: The field JobOptions.QueueCapacity must be …" as "Jobs:QueueCapacity must be …".
    private static string Sentence(string failure, Type options)
    {
        string name = options.Name + ".";
        int at = failure.IndexOf(name, StringComparison.Ordinal);
        return at < 0 ? failure : $"{options.GetField("Section")?.GetRawConstantValue()}:{failure[(at + name.Length)..]}";
    }

    [LoggerMessage(3001, LogLevel.Information, "The arithmetic of libtorch {Version} was tested: {Outcome}")]
    private static partial void ArithmeticIsRight(ILogger log, string version, ArithmeticOutcome outcome);

    [LoggerMessage(
        3004, LogLevel.Warning,
        "There was no key: the first one, with all scopes, stands in the file first-key of the data folder. Make others with it, and delete the file")]
    private static partial void FirstKeyMade(ILogger log);

    [LoggerMessage(
        3008, LogLevel.Error,
        "The audit trail was written with another key (Audit:Key, or the file audit-key of the data folder), and will not verify. Give that key back, and "
            + "start again; without it, keep an export of the trail")]
    private static partial void AuditKeyIsAnother(ILogger log);

    [LoggerMessage(3003, LogLevel.Warning, "The files of {Count} jobs have no row in the database; they lie in quarantine/ now: see `inverse store check`")]
    private static partial void Quarantined(ILogger log, int count);

    [LoggerMessage(3002, LogLevel.Warning, "{Warning}")]
    private static partial void ArithmeticIsSlow(ILogger log, string warning);
}

/// <summary>The service cannot start with its configuration. Only this text is printed.</summary>
/// <param name="message">The reason and the remedy.</param>
/// <param name="exitCode">1: the environment does not allow it; 2: an option has no valid value.</param>
internal sealed class StartRefusedException(string message, int exitCode = 1) : Exception(message)
{
    /// <summary>The exit code of the process.</summary>
    public int ExitCode { get; } = exitCode;
}
