using System.Security.Cryptography.X509Certificates;

namespace InverseSolver.Service.Access;

/// <summary>The certificates by which the service proves itself to its callers. Kestrel loads them, and serves them after their time too.</summary>
internal static partial class ServerCertificates
{
    /// <summary>Names in the log every certificate that callers refuse, because its time is over or has not come.</summary>
    /// <param name="app">The service, which listens: Kestrel has read the files.</param>
    public static void WarnOfDates(WebApplication app)
    {
        foreach (IConfigurationSection section in Files(app.Configuration))
        {
            string path = section["Path"]!, file = Path.Combine(app.Environment.ContentRootPath, path);
            using X509Certificate2 certificate = X509Certificate2.GetCertContentType(file) == X509ContentType.Pfx
                ? X509CertificateLoader.LoadPkcs12FromFile(file, section["Password"])
                : X509CertificateLoader.LoadCertificateFromFile(file);
            DateTime begin = certificate.NotBefore.ToUniversalTime(), end = certificate.NotAfter.ToUniversalTime(), now = DateTime.UtcNow;
            if (end < now) IsOver(app.Logger, path, end);
            if (begin > now) IsEarly(app.Logger, path, begin);
        }
    }

    /// <summary>Kestrel's words for a certificate that cannot be used, with the files that they may be about.</summary>
    /// <param name="error">The error of the start.</param>
    /// <param name="configuration">The configuration.</param>
    public static string ReasonOf(Exception error, IConfiguration configuration)
    {
        string reason = error is NotSupportedException ? "It has no private key; name one by KeyPath."
            : error.InnerException is { } inner ? $"{error.FirstLine.TrimEnd('.')}: {inner.FirstLine}" : error.FirstLine;
        string[] files = [.. Files(configuration).Select(section => section["Path"]!).Where(path => !reason.Contains(path, StringComparison.Ordinal))];
        return files is [] ? reason : $"{reason} ({string.Join(", ", files)})";
    }

    private static IEnumerable<IConfigurationSection> Files(IConfiguration configuration) =>
        configuration.GetSection("Kestrel:Certificates").GetChildren()
            .Concat(configuration.GetSection("Kestrel:Endpoints").GetChildren().Select(endpoint => endpoint.GetSection("Certificate")))
            .Where(section => !string.IsNullOrEmpty(section["Path"]));

    [LoggerMessage(3005, LogLevel.Warning, "The certificate {Path} expired at {End:u}: callers refuse it. Replace it, and start the service again")]
    private static partial void IsOver(ILogger log, string path, DateTime end);

    [LoggerMessage(3006, LogLevel.Warning, "The certificate {Path} is valid from {Begin:u} only: callers refuse it until then. Is this machine's clock right?")]
    private static partial void IsEarly(ILogger log, string path, DateTime begin);
}
