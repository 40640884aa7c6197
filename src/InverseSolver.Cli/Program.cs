using System.CommandLine;
using System.Globalization;
using InverseSolver.Cli;
using InverseSolver.Client;
using InverseSolver.Diffusion;
using InverseSolver.Imaging;
using InverseSolver.Reconstruction;
using InverseSolver.Service;

// Numbers are read and written in one way, whatever the language of the machine is.
CultureInfo.CurrentCulture = CultureInfo.DefaultThreadCurrentCulture = CultureInfo.InvariantCulture;
using var interruption = new Interruption();
RootCommand root = Commands.Create();
// A file's name may begin with @.
ParseResult parsed = root.Parse(args is [] ? ["--help"] : args, new ParserConfiguration { ResponseFileTokenReplacer = null });
try
{
    if (parsed.Action is HelpWithExitCodes || (parsed.Errors.Count == 0 && parsed.Action != parsed.CommandResult.Command.Action))
    {
        return await parsed.InvokeAsync();
    }

    if (parsed.Errors.Count > 0) return Refuse(ErrorText.Of(parsed), withHelp: true);
    if (ErrorText.OfPlaces(parsed) is { } place) return Refuse([place], withHelp: true);
    if (parsed.CommandResult.Command.Options.OfType<Option<string?>>().Any(option => option.Name == "--json" && parsed.GetValue(option) == "-"))
    {
        _ = CliJson.Output;
        Console.SetOut(Console.Error);
    }

    // Before the first tensor, and not before help.
    if (CliOptions.TestArithmetic() is { } warning) Console.Error.WriteLine($"warning: {warning}");
    int code = await parsed.InvokeAsync(
        new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null }, interruption.Token);
    if (interruption.Token.IsCancellationRequested) interruption.End();
    return code;
}
catch (Exception) when (interruption.Token.IsCancellationRequested)
{
    interruption.End();
    return ExitCode.Cancelled;
}
catch (OperationCanceledException)
{
    return Fail("The service did not answer in time.");
}
catch (HttpRequestException error) when (error.StatusCode is null)
{
    return Fail($"The service does not answer: {error.Message}");
}
catch (ApiException error) when (error.StatusCode is not (400 or 404 or 413 or 415 or 422))
{
    return Fail([.. ErrorText.Of(error, parsed)]);
}
catch (Exception error)
    when (error is InvalidInputException or RequestException or ApiException or CommandException or InvalidMeasurementException or InvalidModelException
        or FileNotFoundException or DirectoryNotFoundException or UnauthorizedAccessException)
{
    return Refuse(ErrorText.Of(error, parsed), withHelp: false);
}
catch (Exception error)
    when (error.IsFromTorch || error is HttpRequestException or IOException or InvalidDataException or ArithmeticException or PlatformNotSupportedException)
{
    return Fail([.. ErrorText.Of(error, parsed)]);
}

catch (Exception error)
{
    return Fail($"This is a fault of inverse ({error.GetType().Name}: {error.FirstLine})");
}

int Refuse(IReadOnlyList<string> sentences, bool withHelp)
{
    Say(sentences);

    // An error of an option is answered with that option's help, not with that of all.
    if (withHelp || sentences[0].StartsWith("--", StringComparison.Ordinal))
    {
        foreach (string line in ErrorText.Help(parsed, sentences[0])) Console.Error.WriteLine(line);
    }

    return ExitCode.BadInput;
}

static int Fail(params string[] sentences)
{
    Say(sentences);
    return ExitCode.Failed;
}

static void Say(IEnumerable<string> sentences)
{
    foreach (string sentence in sentences) Console.Error.WriteLine($"error: {sentence}");
}
