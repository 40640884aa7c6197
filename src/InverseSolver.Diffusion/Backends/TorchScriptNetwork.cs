namespace InverseSolver.Diffusion.Backends;

/// <summary>
/// A TorchScript module, run by libtorch, with gradients: operator by operator as it was written, or through TorchScript's optimiser where it runs only so, as
/// modules do whose trace holds a number as a tensor of double precision. The file is code that runs in this process. It is loaded from
/// folders of the operator's choice only, after its hash was compared with the card's.
/// </summary>
internal sealed class TorchScriptNetwork : NetworkFile
{
    // The types for which a module may be written: whole or fractional timesteps, single or half precision elsewhere.
    private static readonly (ScalarType Type, ScalarType Time)[] Types =
    [
        (ScalarType.Float32, ScalarType.Int64), (ScalarType.Float32, ScalarType.Float32), (ScalarType.Float16, ScalarType.Int64),
        (ScalarType.Float16, ScalarType.Float16), (ScalarType.BFloat16, ScalarType.Int64), (ScalarType.BFloat16, ScalarType.BFloat16),
    ];

    private readonly TorchScriptModule _module;
    private (ScalarType Type, ScalarType Time) _types = Types[0];

    private TorchScriptNetwork(string name, Device device, TorchScriptModule module, InputRole[] roles)
        : base(name, device, roles) => _module = module;

    internal override ScalarType Type => _types.Type;

    /// <summary>Loads a file that <see cref="TorchScriptArchive"/> let pass.</summary>
    internal static TorchScriptNetwork Load(string package, string part, Device device)
    {
        string name = $"{part}/{TorchScriptArchive.FileName}", path = Path.Combine(package, part, TorchScriptArchive.FileName);
        TorchScriptArchive.Check(path, name);
        TorchScriptModule? module = null;
        try
        {
            module = TorchScriptModule.Load(path, device);
            return new TorchScriptNetwork(
                name, device, module, InputRoles.Of(name, [.. TorchScriptArchive.Arguments(path, name).Select(argument => (argument, (int?)null))]));
        }
        catch (Exception e) when (e.IsFromTorch || e is InvalidDataException)
        {
            module?.Dispose();
            throw new InvalidModelException(
                $"{name} cannot be loaded by libtorch {Backend.Version}: "
                    + $"{InvalidModelException.Quote(e.FirstLine.Replace(path, name, StringComparison.Ordinal))}.",
                e);
        }
        catch
        {
            module?.Dispose();
            throw;
        }
    }

    internal override void Check((Tensor Sample, Tensor? T, Tensor? Context, Tensor? Labels) inputs, params long[][] shapes)
    {
        InvalidModelException? first = null;
        IEnumerable<(ScalarType, ScalarType)> wanted = Types.Where(candidate => inputs.T is not null || candidate.Time == ScalarType.Int64);
        IEnumerable<(bool, (ScalarType, ScalarType))> attempts =
            wanted.Select(candidate => (false, candidate)).Concat(wanted.Select(candidate => (true, candidate)));
        foreach ((bool optimised, (ScalarType, ScalarType) candidate) in attempts)
        {
            (_types, OneByOne) = (candidate, false);
            _module.Optimise(optimised);
            try
            {
                base.Check(inputs, shapes);
                return;
            }
            catch (InvalidModelException e)
            {
                first ??= e;
                if (e.InnerException is not NetworkFailedException)
                {
                    throw;
                }
            }
        }

        throw first!;
    }

    public override void Dispose() => _module.Dispose();

    private protected override Tensor RunTogether(Tensor sample, Tensor? t, Tensor? context, Tensor? labels)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor[] arguments = [.. Roles.Select(role => role switch
        {
            InputRole.Timestep => t!.to(_types.Time, Device),
            InputRole.Context => context!.to(_types.Type),
            InputRole.Labels => labels!,
            _ => sample.to(_types.Type),
        })];
        try
        {
            return _module.forward(arguments).to(ScalarType.Float32).MoveToOuterDisposeScope();
        }
        catch (Exception e) when (e.IsFromTorch || e is InvalidOperationException)
        {
            throw NetworkFailedException.Of(e);
        }
    }
}
