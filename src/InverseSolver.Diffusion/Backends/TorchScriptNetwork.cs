using InverseSolver.Torch;

namespace InverseSolver.Diffusion.Backends;

/// <summary>
/// A TorchScript module, run by libtorch operator by operator, with gradients. The file is code: whoever wrote it computes in this process. It is loaded from folders
/// of the operator's choice only, after its hash was compared with the card's.
/// </summary>
internal sealed class TorchScriptNetwork : NetworkFile
{
    // What a module may have been written for: of timesteps whole numbers or fractions, of everything else single or half precision.
    private static readonly (ScalarType Type, ScalarType Time)[] _types =
    [
        (ScalarType.Float32, ScalarType.Int64), (ScalarType.Float32, ScalarType.Float32), (ScalarType.Float16, ScalarType.Int64),
        (ScalarType.Float16, ScalarType.Float16), (ScalarType.BFloat16, ScalarType.Int64), (ScalarType.BFloat16, ScalarType.BFloat16),
    ];

    private readonly TorchScriptModule module;
    private (ScalarType Type, ScalarType Time) types = _types[0];

    private TorchScriptNetwork(string name, Device device, TorchScriptModule module, InputRole[] roles)
        : base(name, device, roles) => this.module = module;

    internal override ScalarType Type => types.Type;

    /// <summary>Loads a file that <see cref="TorchScriptArchive"/> let pass.</summary>
    internal static TorchScriptNetwork Load(string package, string part, Device device)
    {
        string name = $"{part}/{TorchScriptArchive.FileName}", path = Path.Combine(package, part, TorchScriptArchive.FileName);
        TorchScriptArchive.Check(path, name);
        TorchScriptModule? module = null;
        try
        {
            module = TorchScriptModule.Load(path, device);
            return new TorchScriptNetwork(name, device, module, InputRoles.Of(name, [.. Arguments(module.schema).Select(argument => (argument, (int?)null))]));
        }
        catch (NativeException e)
        {
            module?.Dispose();
            throw new InvalidModelException($"{name} cannot be loaded by libtorch {Backend.Version}: {InvalidModelException.Quote(e.Message.Replace(path, name, StringComparison.Ordinal).Split('\n')[0])}.", e);
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
        foreach ((ScalarType, ScalarType) candidate in _types.Where(candidate => inputs.T is not null || candidate.Time == ScalarType.Int64))
        {
            (types, OneByOne) = (candidate, false);
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

    public override void Dispose() => module.Dispose();

    private protected override Tensor RunTogether(Tensor sample, Tensor? t, Tensor? context, Tensor? labels)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Arg[] arguments = [.. Roles.Select(role => (Arg)(role switch
        {
            InputRole.Timestep => t!.to(Device, types.Time),
            InputRole.Context => context!.to(types.Type),
            InputRole.Labels => labels!,
            _ => sample.to(types.Type),
        }))];
        try
        {
            return module.forward(arguments).to(ScalarType.Float32).MoveToOuterDisposeScope();
        }
        catch (Exception e) when (e is NativeException or InvalidOperationException)
        {
            throw NetworkFailedException.Of(e);
        }
    }

    // forward(__torch__.Net self, Tensor sample, Tensor timestep, Tensor? context=None) -> Tensor: the names without a default, self left out.
    private static IEnumerable<string> Arguments(string schema)
    {
        int depth = 0, start = schema.IndexOf('(', StringComparison.Ordinal) + 1;
        for (int i = start; i < schema.Length && depth >= 0; i++)
        {
            depth += schema[i] is '(' or '[' ? 1 : schema[i] is ')' or ']' ? -1 : 0;
            if (depth < 0 || (depth == 0 && schema[i] == ','))
            {
                string argument = schema[start..i].Trim();
                start = i + 1;
                string argumentName = argument[(argument.LastIndexOf(' ') + 1)..];
                if (argumentName is not ("self" or "") && !argumentName.Contains('=', StringComparison.Ordinal))
                {
                    yield return argumentName;
                }
            }
        }
    }
}
