using System.CommandLine;
using System.CommandLine.Invocation;
using System.Globalization;
using InverseSolver.Cli;
using InverseSolver.Cli.Bench;
using InverseSolver.Cli.Convert;
using InverseSolver.Cli.Demo;
using InverseSolver.Cli.Evaluate;
using InverseSolver.Cli.GpuCheck;
using InverseSolver.Diffusion;
using InverseSolver.Imaging;
using InverseSolver.Reconstruction;

// Numbers are read and written in one way, whatever the language of the machine is.
CultureInfo.CurrentCulture = CultureInfo.DefaultThreadCurrentCulture = CultureInfo.InvariantCulture;
using var interruption = new Interruption();
var root = new RootCommand("Solves imaging inverse problems with latent diffusion models. Results are not for diagnosis.")
{
    SolveCommand.Create(),
    CatalogueCommands.Problems(),
    CatalogueCommands.Solvers(),
    ConvertCommand.Create(),
    EvaluateCommand.Create(),
    ModelsCommand.Create(),
    DemoCommand.Create(),
    StoreCommand.Create(),
    BenchCommand.Create(),
    GpuCheckCommand.Create(),
};

try
{
    ParseResult parsed = root.Parse(args);

    // Before the first tensor, and not before help.
    if (parsed.Errors.Count == 0 && parsed.Action == parsed.CommandResult.Command.Action && CliOptions.TestArithmetic() is { } warning)
    {
        Console.Error.WriteLine($"warning: {warning}");
    }

    // A command that lacks its subcommand gets help, any other error its sentence.
    if (parsed.Action is ParseErrorAction error && parsed.CommandResult.Command.Subcommands.Count == 0)
    {
        error.ShowHelp = false;
    }

    int code = await parsed.InvokeAsync(
        new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null }, interruption.Token);
    if (interruption.Token.IsCancellationRequested) interruption.End();
    return parsed.Errors.Count > 0 ? ExitCode.BadInput : code;
}
catch (Exception) when (interruption.Token.IsCancellationRequested)
{
    interruption.End();
    return ExitCode.Cancelled;
}
catch (OperationCanceledException)
{
    return Fail(ExitCode.Failed, "The service did not answer in time.");
}
catch (PlatformNotSupportedException e)
{
    return Fail(ExitCode.Failed, e.Message);
}
catch (InvalidInputException e)
{
    return Fail(ExitCode.BadInput, $"{e.Field}: {e.Message}");
}
catch (Exception e)
    when (e is CommandException or InvalidMeasurementException or InvalidModelException
        or FileNotFoundException or DirectoryNotFoundException or UnauthorizedAccessException)
{
    return Fail(ExitCode.BadInput, e.Message);
}
catch (Exception e) when (e.IsFromTorch || e is HttpRequestException or IOException or ArithmeticException)
{
    return Fail(ExitCode.Failed, e.IsFromTorch ? e.FirstLine : e.Message);
}

static int Fail(int code, string message)
{
    Console.Error.WriteLine($"error: {message}");
    return code;
}
